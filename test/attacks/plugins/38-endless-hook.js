hooks['session:created'] = () => new Promise(() => {})
hooks['message:sending'] = () => new Promise(() => {})
attack(() => {})
