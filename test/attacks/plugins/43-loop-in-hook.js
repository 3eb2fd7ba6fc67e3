hooks['session:created'] = () => {
  for (;;);
}
attack(() => {})
