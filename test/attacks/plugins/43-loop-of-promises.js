hooks['session:created'] = async () => {
  for (;;) await null
}
attack(() => {})
