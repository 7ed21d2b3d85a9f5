/** @type {import("next").NextConfig} */
export default {
  // It has a native library: it stays outside of bundles.
  serverExternalPackages: ["sessionwire"],
};
