hooks['session:created'] = () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)
attack(() => {})
