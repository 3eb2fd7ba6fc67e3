hooks['session:created'] = () => ({
  toJSON() {
    for (;;);
  },
  get continue() {
    for (;;);
  },
})
attack(() => {})
