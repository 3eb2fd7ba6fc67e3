const kept = []
attack(async () => {
  for (let n = 0; n < 200; n += 1) {
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 256 })
    new Uint8Array(memory.buffer).fill(1)
    kept.push(memory)
    await pause(5)
  }
})
