"""ChatKit's words as Natter says them, once: JSON in the shapes of openai-chatkit 1.6 (`chatkit.types`)."""
