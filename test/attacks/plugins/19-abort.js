attack(() => (process.abort ?? process.exit)())
