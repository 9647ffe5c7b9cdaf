"""Pictures of the Android app's screens, drawn from its own layouts, styles, colours and texts by a browser."""
