"""RMCP+ sessions (IPMI 2.0 over LAN, chapter 13): frames, authentication, one session on one socket."""
