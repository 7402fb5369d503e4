// Check workflows and composite actions with GitHub's own language service, offline.
// usage: node check.mjs CONTRACTS FILE...   (CONTRACTS: contracts.yaml, for the inputs of the actions)
import { existsSync, readFileSync } from "node:fs";
import { register } from "node:module";
import { join, resolve } from "node:path";

// The service imports JSON without the attribute that Node.js asks for.
const hook = `export const load = (url, context, next) =>
  url.endsWith(".json") ? next(url, { ...context, importAttributes: { type: "json" } }) : next(url, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const { validate } = await import("@actions/languageservice");
const { TextDocument } = await import("vscode-languageserver-textdocument");
const { parse } = await import("yaml");

const [contracts, ...files] = process.argv.slice(2);
const { actions } = parse(readFileSync(contracts, "utf8"));

function metadata({ owner, name, ref, path }) {
  const known = actions[`${[owner, name, path].filter(Boolean).join("/")}@${ref}`];
  if (!known) return undefined;
  const outputs = Object.fromEntries(known.outputs.map((output) => [output, { description: output }]));
  return { name, description: name, inputs: known.inputs, outputs };
}

const config = {
  actionsMetadataProvider: { fetchActionMetadata: async (reference) => metadata(reference) },
  fileProvider: {
    getFileContent: async ({ path }) => {
      if (!existsSync(join(process.cwd(), path))) throw new Error(`no file ${path}`);
      return { name: path, content: readFileSync(path, "utf8") };
    },
  },
};

let count = 0;
for (const file of files) {
  const document = TextDocument.create(`file://${resolve(file)}`, "yaml", 1, readFileSync(file, "utf8"));
  for (const { range, message } of await validate(document, config)) {
    console.log(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
    count += 1;
  }
}
process.exitCode = count ? 1 : 0;
