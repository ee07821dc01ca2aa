import attachments from "./styles/attachments.css";
import base from "./styles/base.css";
import composer from "./styles/composer.css";
import content from "./styles/content.css";
import history from "./styles/history.css";
import thread from "./styles/thread.css";
import touch from "./styles/touch.css";
import widgets from "./styles/widgets.css";

const CSS = [base, thread, content, composer, attachments, history, widgets, touch].join("\n");
let sheet: CSSStyleSheet | null = null;

/** One style sheet for all elements of the page; a `<style>` where the browser has no constructable ones. */
export function adoptStyles(root: ShadowRoot): void {
  if ("adoptedStyleSheets" in root && "replaceSync" in CSSStyleSheet.prototype) {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
    }
    root.adoptedStyleSheets = [sheet];
    return;
  }
  const style = document.createElement("style");
  style.textContent = CSS;
  root.append(style);
}
