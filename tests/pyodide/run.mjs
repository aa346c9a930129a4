// Runs tests/pyodide/work.py in Pyodide: node run.mjs PYODIDE REPOSITORY results|speed
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, repository, what] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: folder });
python.mountNodeFS("/repository", repository);
python.globals.set("what", what);
console.log(python.runPython(`
import sys
sys.path.insert(0, "/repository")
sys.dont_write_bytecode = True
from tests.pyodide.work import answer
answer(what)
`));
