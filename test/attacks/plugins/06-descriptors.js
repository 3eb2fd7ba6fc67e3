const fs = () => load('node:fs')
const tries = {}
for (let fd = 0; fd < 40; fd += 1)
  tries[`descriptor ${fd}`] = () => {
    // A file is what must not be inherited; the pipes of the guest itself are its own.
    if (!fs().fstatSync(fd).isFile()) return null
    return fs().readFileSync(fd, 'utf8') || `file ${fd}`
  }
tries['list of descriptors'] = () => fs().readdirSync('/proc/self/fd')
probe(tries)
