/**
 * Who calls: JSON Web Tokens (RFC 7519) signed with HS256, RS256, RS384, RS512 or EdDSA over Ed25519 (RFC 7518, RFC 8037).
 *
 * <p>A token says who somebody is only if one of <em>our</em> keys signed it, so the settings decide which algorithms there are, and
 * a token only chooses among them. {@link dev.sluice.bridge.security.JwtConfig} gives each accepted algorithm the place its key
 * comes from; an algorithm without one does not exist, {@code none} included. A key is used only with the algorithms of its own
 * type: an RSA public key, which everybody may know, is never the secret of an HMAC.
 *
 * <pre>
 *  token ──▶ Token.parse ──▶ algorithm accepted? ──▶ key of that algorithm ──▶ signature ──▶ times, issuer, audience ──▶ Principal
 *            strict form      JwtConfig               fixed, or Jwks            Java's own    TokenVerifier
 * </pre>
 *
 * <p>Keys from a JWKS endpoint (RFC 7517) are cached: {@link dev.sluice.bridge.security.Jwks} fetches them again when they are
 * older than their age allows, or when a token names a key it does not have, but not more often than its interval allows, so
 * that nobody can make it call the endpoint with made-up names. While the endpoint does not answer, the keys it last gave stay
 * in use. Nobody waits for the endpoint: what has to be fetched completes a future.
 *
 * <p>Every reason for which a token is refused is a fixed sentence; nothing of a token is repeated or logged.
 */
@NullMarked
package dev.sluice.bridge.security;

import org.jspecify.annotations.NullMarked;
