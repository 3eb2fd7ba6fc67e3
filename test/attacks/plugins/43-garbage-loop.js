// Never more than it may have, and never an answer: a thread that does nothing but collect garbage tells nobody what it uses.
const kept = []
hooks['session:created'] = () => {
  for (let n = 0; n < 400_000; n += 1) kept.push({ n })
  for (;;) kept[Math.floor(Math.random() * kept.length)] = { n: Math.random(), more: [1, 2] }
}
