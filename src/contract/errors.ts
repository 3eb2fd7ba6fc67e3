// Every failure of the gateway that has a name: one row each, with the HTTP status that the API answers.

/** The table. `retryAfterSeconds` is sent as `Retry-After` where waiting helps. */
export const errors = {
  invalid_input: { status: 400, error: 'Bad Request' },
  session_not_started: { status: 400, error: 'Bad Request' },
  session_already_started: { status: 400, error: 'Bad Request' },
  session_limit: { status: 400, error: 'Bad Request' },
  qr_not_available: { status: 400, error: 'Bad Request' },
  package_invalid: { status: 400, error: 'Bad Request' },
  manifest_invalid: { status: 400, error: 'Bad Request' },
  download_failed: { status: 400, error: 'Bad Request' },
  pin_invalid: { status: 400, error: 'Bad Request' },
  address_blocked: { status: 400, error: 'Bad Request' },
  sending_blocked: { status: 400, error: 'Bad Request' },
  plugin_config_invalid: { status: 400, error: 'Bad Request' },
  idempotency_key_invalid: { status: 400, error: 'Bad Request' },
  batch_exists: { status: 400, error: 'Bad Request' },
  batch_ended: { status: 400, error: 'Bad Request' },
  automation_limit: { status: 400, error: 'Bad Request' },
  plugin_built_in: { status: 400, error: 'Bad Request' },
  unauthorized: { status: 401, error: 'Unauthorized' },
  forbidden: { status: 403, error: 'Forbidden' },
  not_found: { status: 404, error: 'Not Found' },
  session_name_taken: { status: 409, error: 'Conflict' },
  session_not_ready: { status: 409, error: 'Conflict' },
  idempotency_key_in_progress: { status: 409, error: 'Conflict' },
  idempotency_outcome_unknown: { status: 409, error: 'Conflict' },
  session_busy: { status: 409, error: 'Conflict' },
  plugin_exists: { status: 409, error: 'Conflict' },
  plugin_busy: { status: 409, error: 'Conflict' },
  instance_exists: { status: 409, error: 'Conflict' },
  instance_inactive: { status: 409, error: 'Conflict' },
  mapping_taken: { status: 409, error: 'Conflict' },
  template_name_taken: { status: 409, error: 'Conflict' },
  job_not_waiting: { status: 409, error: 'Conflict' },
  last_admin_key: { status: 409, error: 'Conflict' },
  body_too_large: { status: 413, error: 'Payload Too Large' },
  unsupported_media_type: { status: 415, error: 'Unsupported Media Type' },
  upgrade_required: { status: 426, error: 'Upgrade Required' },
  idempotency_key_reused: { status: 422, error: 'Unprocessable Entity' },
  rate_limited: { status: 429, error: 'Too Many Requests', retryAfterSeconds: 1 },
  bulk_limit: { status: 429, error: 'Too Many Requests', retryAfterSeconds: 30 },
  internal: { status: 500, error: 'Internal Server Error' },
  credentials_unreadable: { status: 500, error: 'Internal Server Error' },
  not_supported: { status: 501, error: 'Not Implemented' },
  session_logout_incomplete: { status: 502, error: 'Bad Gateway' },
  search_failed: { status: 502, error: 'Bad Gateway' },
  transport_failed: { status: 502, error: 'Bad Gateway' },
  session_elsewhere: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  engine_unavailable: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  overloaded: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 1 },
  proxy_failed: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  whatsapp_unanswered: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  search_unanswered: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  storage_unavailable: { status: 503, error: 'Service Unavailable', retryAfterSeconds: 5 },
  // These never reach HTTP by themselves: they close a channel or answer a plugin's call.
  plugin_failed: { status: 500, error: 'Internal Server Error' },
  plugin_crashed: { status: 500, error: 'Internal Server Error' },
  plugin_timeout: { status: 504, error: 'Gateway Timeout' },
  plugin_stopped: { status: 409, error: 'Conflict' },
  plugin_misbehaved: { status: 500, error: 'Internal Server Error' },
  grants_missing: { status: 409, error: 'Conflict' },
  plugin_isolation_missing: { status: 409, error: 'Conflict' },
  capability_denied: { status: 403, error: 'Forbidden' },
  capability_failed: { status: 500, error: 'Internal Server Error' },
  frame_invalid: { status: 400, error: 'Bad Request' },
  channel_closed: { status: 500, error: 'Internal Server Error' },
  // These end the start of the gateway; `message` tells the operator what to do.
  settings_invalid: { status: 500, error: 'Internal Server Error' },
  data_folder_in_use: { status: 500, error: 'Internal Server Error' },
  database_newer: { status: 500, error: 'Internal Server Error' },
  database_replaced: { status: 500, error: 'Internal Server Error' },
  encryption_key_wrong: { status: 500, error: 'Internal Server Error' },
} as const satisfies Record<string, { status: number; error: string; retryAfterSeconds?: number }>

export type ErrorCode = keyof typeof errors

/** True for a string that names a row of the table; the way back from a frame or an HTTP answer. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errors, code)

/** What may travel with an error to a client: plain data without secrets, paths or stacks. */
export type ErrorDetails = { readonly [key: string]: unknown }

/**
 * The one error class. `code` is the contract, `message` is for people and crosses borders, `cause` stays in logs.
 * For a failed send `certain` says whether it is known that nothing went out.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly certain: boolean | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails; cause?: unknown; certain?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
    this.certain = options.certain
  }
}

/** Any thrown value as a GatewayError; what has no name becomes `internal` with a message that tells a stranger nothing. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  return new GatewayError('internal', 'Internal server error', { cause: thrown })
}
