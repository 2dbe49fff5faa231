// Print the report of Khronos' glTF validator for one file as JSON.
// Usage: node khronos.js FOLDER_WITH_node_modules FILE.glb|FILE.gltf
const fs = require("fs");
const path = require("path");
const [folder, file] = process.argv.slice(2);
const { createRequire } = require("module");
const validator = createRequire(path.resolve(folder, "package.json"))("gltf-validator");
validator
  .validateBytes(new Uint8Array(fs.readFileSync(file)), {
    maxIssues: 0,
    externalResourceFunction: async (uri) =>
      new Uint8Array(fs.readFileSync(path.resolve(path.dirname(file), decodeURIComponent(uri)))),
  })
  .then((report) => console.log(JSON.stringify({ version: validator.version(), ...report })))
  .catch((error) => {
    console.error(String(error));
    process.exit(1);
  });
