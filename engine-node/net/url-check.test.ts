import { describe, expect, it } from 'vitest'
import { createUrlCheck } from './url-check.ts'

const names: Record<string, string[]> = {
  'hooks.example.com': ['93.184.216.34'],
  'sneaky.example.com': ['93.184.216.34', '10.0.0.5'],
}
const check = createUrlCheck({
  resolve: async host => {
    const found = names[host]
    if (!found) throw new Error('ENOTFOUND')
    return found
  },
  allowedHosts: ['n8n.internal:5678'],
})

describe('url check', () => {
  it.each([
    'https://hooks.example.com/x',
    'http://n8n.internal:5678/hook',
    'https://not-there-yet.example.com/',
  ])('lets %s be saved', url => expect(check(url)).resolves.toBeUndefined())

  it.each([
    ['https://sneaky.example.com/', 'address_blocked'],
    ['http://127.0.0.1/', 'address_blocked'],
    ['http://[::1]/', 'address_blocked'],
    ['http://169.254.169.254/latest', 'address_blocked'],
    ['http://n8n.internal:80/', 'address_blocked'],
    ['ftp://hooks.example.com/', 'invalid_input'],
    ['https://me:secret@hooks.example.com/', 'invalid_input'],
  ])('refuses %s', (url, code) => expect(check(url)).rejects.toMatchObject({ code }))
})
