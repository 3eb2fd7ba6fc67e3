module.exports.onDisable = () => {
  for (;;);
}
attack(() => {})
