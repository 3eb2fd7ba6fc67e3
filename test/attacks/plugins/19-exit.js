process.removeAllListeners()
process.emit('exit', 0)
attack(() => {
  process.exitCode = 0
  process.exit(0)
})
