attack(() => {
  setInterval(() => void ctx.storage.set('late', Date.now()).catch(() => {}), 5)
})
module.exports.onDisable = () => {
  setInterval(() => void ctx.storage.set('later', Date.now()).catch(() => {}), 1)
}
