setTimeout(() => process.exit(3), 100)
