# runbox for Nomad's docker driver: the client's part; dockerd itself is configured by
# docker-daemon.json. A task then says `runtime = "runbox"` in its config block, or says nothing where
# runbox is dockerd's default.
plugin "docker" {
  config {
    allow_runtimes = ["runbox", "runc"]
  }
}
