"""HTML twins of the iOS app's screens, and pictures of them."""
