//! TLS settings as rustls wants them: the system's authorities, with the Mozilla set where a machine has
//! none, and a registry's own files.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::options::TlsOptions;

/// A configuration for plain HTTP, where nothing of TLS is used: no authority is loaded.
pub(super) fn unused() -> Result<ClientConfig, String> {
    let builder = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(builder.with_no_client_auth())
}

/// The configuration for `options`. Reads files; the error says which one is wrong and why.
pub(in crate::transport) fn configure(options: &TlsOptions) -> Result<ClientConfig, String> {
    let extra = match &options.ca_file {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    let verifier: Arc<dyn ServerCertVerifier> = match (options.insecure, extra.is_empty()) {
        (true, _) => Arc::new(NoVerification(provider())),
        (false, true) => verifier(extra)?,
        (false, false) => Arc::new(OrNamed { inner: verifier(extra.clone())?, named: extra }),
    };
    let builder = builder()?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &options.cert_file {
        None => builder.with_no_client_auth(),
        Some(cert_file) => {
            let key_file = options.key_file.as_ref().unwrap_or(cert_file);
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|e| format!("{}: no private key: {}", key_file.display(), pem_reason(&e)))?;
            builder
                .with_client_auth_cert(certificates(cert_file)?, key)
                .map_err(|e| format!("{}: {e}", cert_file.display()))?
        }
    };
    // Blobs travel over HTTP/1.1: with HTTP/2 all of a host's blobs would share one TCP connection.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    // `main` installs ring; without it (in a library's user, in tests) the same one is taken.
    CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())
}

fn verifier(extra: Vec<CertificateDer<'static>>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if let Ok(verifier) = rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), provider())
    {
        return Ok(Arc::new(verifier));
    }
    // A machine without a certificate store (a bare container).
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        roots.add(certificate).map_err(|e| format!("a certificate of the ca_file: {e}"))?;
    }
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    Ok(verifier.build().map_err(|e| e.to_string())?)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |reason: String| format!("{}: {reason}", path.display());
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| wrong(pem_reason(&e)))?.collect();
    let all = all.map_err(|e| wrong(pem_reason(&e)))?;
    if all.is_empty() { Err(wrong("no PEM certificate in it".to_owned())) } else { Ok(all) }
}

fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => {
            let text = error.to_string();
            text[..text.find(" (os error").unwrap_or(text.len())].to_owned()
        }
        Error::NoItemsFound => "nothing of that kind in it".to_owned(),
        other => other.to_string(),
    }
}

/// A server's own certificate that the `ca_file` names is trusted for its names, even where it says that it is
/// an authority's: `openssl req -x509` makes such ones, and Docker takes them.
#[derive(Debug)]
struct OrNamed {
    inner: Arc<dyn ServerCertVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for OrNamed {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::{Other, UnknownIssuer};
        match self.inner.verify_server_cert(own, others, name, ocsp, now) {
            // Dates are looked at first: one that has expired is refused as that.
            Err(rustls::Error::InvalidCertificate(Other(_) | UnknownIssuer))
                if self.named.iter().any(|n| n == own) =>
            {
                let parsed = rustls::server::ParsedCertificate::try_from(own)?;
                rustls::client::verify_server_name(&parsed, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `insecure`: any certificate will do; the handshake's own signatures are still checked.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
