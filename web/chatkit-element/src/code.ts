/** Colours for code, a module of its own (`chatkit-code.js`): highlight.js with the languages that people write about. */

export { highlight } from "./markdown/highlight";
