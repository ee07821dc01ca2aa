/** Lets the button in the chat's header open the list of conversations, which is another component. */

const asked = new EventTarget();

export function askForSidebar(): void {
  asked.dispatchEvent(new Event("ask"));
}

export function onSidebarAsked(react: () => void): () => void {
  asked.addEventListener("ask", react);
  return () => asked.removeEventListener("ask", react);
}
