/**
 * Authenticates clients by JSON Web Tokens (RFC 7519), signed with HS256, RS256, RS384, RS512 or EdDSA over Ed25519
 * (RFC 7518, RFC 8037).
 *
 * <p>The settings decide which algorithms are accepted; a token only chooses among them.
 * {@link dev.sluice.bridge.security.JwtConfig} assigns each accepted algorithm its keys. An algorithm without a key is
 * not accepted, {@code none} included. A key is used only with the algorithms of its own type, so an RSA public key is
 * never the secret of an HMAC.
 *
 * <pre>
 *  token ──▶ Token.parse ──▶ algorithm accepted? ──▶ its key ─────▶ signature ──▶ times, issuer, audience ──▶ Principal
 *            strict form      JwtConfig               fixed or Jwks  the JDK's     TokenVerifier
 * </pre>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.security.TokenVerifier} is the entry: it returns the {@code Principal}, the subject
 *       and {@code Role} of the client.
 *   <li>{@code Token} parses, {@code SignatureAlgorithm} verifies a signature, {@code PublicKeys} parses PEM and JWK.
 *   <li>{@code VerificationKeys} finds the key of a token; {@code Jwks} does so with the keys of a JWKS endpoint (RFC
 *       7517), which {@code JwksClient} fetches.
 * </ul>
 *
 * <p>{@code Jwks} fetches the keys at the start, when they reach their maximum age, and when a token names an unknown
 * key. An interval limits the fetches, so that invented key names cannot flood the endpoint. Known keys serve while new
 * ones are fetched and while the endpoint fails. Only a token with an unknown key waits for a fetch, for half a second
 * ({@code auth.jwt.jwks.wait.ms}) from its beginning; then the answer is that the keys are unavailable. No thread
 * waits: a fetch completes a future.
 *
 * <p>Every reason to refuse a token is a fixed sentence; no part of a token is repeated or logged. The package does not
 * issue tokens and does not decide which role a route needs.
 *
 * <p>Public types: {@code TokenVerifier}, {@code Principal}, {@code Role}, {@code InvalidTokenException} and
 * {@code KeysUnavailableException} for the guard of the HTTP routes; {@code JwtConfig} and {@code JwksConfig} for the
 * configuration.
 */
@NullMarked
package dev.sluice.bridge.security;

import org.jspecify.annotations.NullMarked;
