// Hydrogen as its authors start it, with all of its views.
import { createNavigation, createRouter, FeatureSet, Platform, RootViewModel } from "hydrogen-view-sdk";

const assetPaths = {
  downloadSandbox: "/download-sandbox.html",
  olm: { wasm: "/olm.wasm", wasmBundle: "/olm.js", legacyBundle: "/olm_legacy.js" },
  serviceWorker: "/sw.js",
};

async function main() {
  const container = document.getElementById("app");
  const config = { defaultHomeServer: new URLSearchParams(location.search).get("homeserver") };
  const platform = new Platform({ container, assetPaths, config });
  await platform.init();
  const navigation = createNavigation();
  platform.setNavigation(navigation);
  const urlRouter = createRouter({ navigation, history: platform.history });
  urlRouter.attach();
  const features = await FeatureSet.load(platform.settingsStorage);
  const root = new RootViewModel({ platform, urlRouter, navigation, features });
  await root.load();
  platform.createAndMountRootView(root);
}

await main();
