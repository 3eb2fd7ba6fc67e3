attack(() => {
  const kept = []
  for (let text = 'x'; ; text += text) kept.push(`${text}${kept.length}`.split('').join('-'))
})
