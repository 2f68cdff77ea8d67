/**
 * Who calls: JSON Web Tokens (RFC 7519) signed with HS256, RS256, RS384, RS512 or EdDSA over Ed25519 (RFC 7518, RFC
 * 8037).
 *
 * <p>A token says who somebody is only if one of <em>our</em> keys signed it, so the settings decide which algorithms
 * there are, and a token only chooses among them. {@link dev.sluice.bridge.security.JwtConfig} gives each accepted
 * algorithm the place its key comes from; an algorithm without one does not exist, {@code none} included. A key is used
 * only with the algorithms of its own type: an RSA public key, which everybody may know, is never the secret of an
 * HMAC.
 *
 * <pre>
 *  token ──▶ Token.parse ──▶ algorithm accepted? ──▶ key of that algorithm ──▶ signature ──▶ times, issuer, audience ──▶ Principal
 *            strict form      JwtConfig               fixed, or Jwks            Java's own    TokenVerifier
 * </pre>
 *
 * <p>{@link dev.sluice.bridge.security.Jwks} caches the keys of a JWKS endpoint (RFC 7517). It fetches them at the
 * start, when they are older than their age allows, and when a token names a key that it does not have. An interval
 * limits the fetches, so that made-up key names cannot flood the endpoint. Known keys serve while new ones are fetched,
 * and while the endpoint fails. Only a token with an unknown key waits for a fetch, for half a second after its
 * beginning ({@code auth.jwt.jwks.wait.ms}); then the answer is that the keys cannot be known now. No thread waits: a
 * fetch completes a future.
 *
 * <p>Every reason for which a token is refused is a fixed sentence; nothing of a token is repeated or logged.
 */
@NullMarked
package dev.sluice.bridge.security;

import org.jspecify.annotations.NullMarked;
