//! Two registries, with counting proxies in front of them: where most stories of copying begin.

use super::fault::Proxy;
use super::image::{Recipe, TestImage};
use super::wharf::{Home, Registry};

/// A home, two registries, and the proxies in front of them.
pub struct Pair {
    pub home: Home,
    pub from: Registry,
    pub to: Registry,
    pub source: Proxy,
    pub target: Proxy,
}

impl Pair {
    pub async fn new() -> Pair {
        let (from, to) = (Registry::start().await, Registry::start().await);
        let (source, target) = (Proxy::start(&from.host()).await, Proxy::start(&to.host()).await);
        Pair { home: Home::new(), from, to, source, target }
    }

    /// A name at the source, by way of its proxy.
    pub fn source(&self, name: &str) -> String {
        format!("{}/{name}", self.source.host())
    }

    /// A name at the target, by way of its proxy.
    pub fn target(&self, name: &str) -> String {
        format!("{}/{name}", self.target.host())
    }

    /// Makes an image and pushes it to the source, past the proxy.
    pub async fn image(&self, recipe: &Recipe, repository: &str, tags: &[&str]) -> TestImage {
        let layout = self.home.path(&format!("made/{repository}/{}", tags[0]));
        let image = recipe.write(&layout, tags[0]).unwrap();
        image.push(&self.from.host(), repository, tags).await;
        image
    }

    /// Counts anew.
    pub fn forget(&self) {
        self.source.forget();
        self.target.forget();
    }
}
