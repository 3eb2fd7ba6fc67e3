probe({
  // biome-ignore lint/security/noGlobalEval: whether it works is what is tried.
  'eval of text': () => globalThis.eval('1 + 1'),
  'function of text': () => new Function('return 1')(),
  'an async function of text': () => (async () => {}).constructor('return 1')(),
  'a generator of text': () => function* () {}.constructor('yield 1')().next().value,
})
