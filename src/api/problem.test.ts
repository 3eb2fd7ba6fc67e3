import { describe, expect, it } from 'vitest'
import { type ErrorCode, errors, GatewayError } from '../contract/errors.ts'
import { toProblem } from './problem.ts'

const verbose = { validationDetails: true }

describe('toProblem', () => {
  it.each(Object.keys(errors) as ErrorCode[])('%s has the status and the name of its row', code => {
    const { status, body } = toProblem(new GatewayError(code, 'why'), verbose)
    expect(status).toBe(errors[code].status)
    expect(body).toMatchObject({ statusCode: errors[code].status, error: errors[code].error })
  })

  it('writes a code where the status alone would not tell', () => {
    expect(toProblem(new GatewayError('session_logout_incomplete', 'why'), verbose).body).toEqual({
      statusCode: 502,
      message: 'why',
      error: 'Bad Gateway',
      code: 'SESSION_LOGOUT_INCOMPLETE',
    })
    expect(toProblem(new GatewayError('not_found', 'gone'), verbose).body).toEqual({
      statusCode: 404,
      message: 'gone',
      error: 'Not Found',
    })
  })

  it('tells a client when to come back', () => {
    expect(toProblem(new GatewayError('engine_unavailable', 'away'), verbose).headers).toEqual({
      'retry-after': '5',
    })
    const limited = new GatewayError('rate_limited', 'slow down', { details: { retryAfterSeconds: 41.2 } })
    expect(toProblem(limited, verbose).headers).toEqual({ 'retry-after': '42' })
    expect(toProblem(new GatewayError('not_found', 'gone'), verbose).headers).toEqual({})
  })

  it('says whether a failed send is known not to have gone out', () => {
    const failed = new GatewayError('transport_failed', 'closed', { certain: false })
    expect(toProblem(failed, verbose).body.certain).toBe(false)
  })

  it('lists what is wrong with a request, but not in production', () => {
    const invalid = new GatewayError('invalid_input', 'Validation failed', {
      details: { messages: ['a', 'b'] },
    })
    expect(toProblem(invalid, verbose).body).toEqual({
      statusCode: 400,
      message: ['a', 'b'],
      error: 'Bad Request',
    })
    expect(toProblem(invalid, { validationDetails: false }).body).toEqual({
      statusCode: 400,
      message: 'Bad Request',
    })
  })

  it.each([
    new Error('SELECT secret FROM /srv/data'),
    new GatewayError('internal', 'SELECT secret FROM /srv/data'),
    'a thrown text',
    undefined,
  ])('tells nothing about an error without a name, and keeps it for the log', thrown => {
    const problem = toProblem(thrown, verbose)
    expect(problem.body).toEqual({
      statusCode: 500,
      message: 'Internal server error',
      error: 'Internal Server Error',
    })
    if (thrown !== undefined) expect(problem.unexpected).toBe(thrown)
  })

  it('finds the named error that a driver has wrapped', () => {
    const inner = new GatewayError('storage_unavailable', 'The database does not answer')
    expect(toProblem(new Error('Failed query: select', { cause: inner }), verbose).status).toBe(503)
  })
})
