// How large a frame may be. By itself, so that a guest can have it without the schemas of all that frames carry.

/**
 * Largest frame in bytes, either way: a 5 MB media message in base64 fits, and a frame above it is refused before it is
 * read into memory (attack 37).
 */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024
