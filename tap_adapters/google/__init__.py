"""What the taps of Google's services share: a service account's access, requests with retries, files of Drive."""
