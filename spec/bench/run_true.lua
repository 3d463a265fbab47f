--- A command in a fresh VM, from exec to exit.

local support = require "support"

local function compare(runs, argv, peer)
  local ours, theirs = support.interleave(runs,
    function() return support.time { support.kavach, "run", "true" } end,
    function() return support.time(argv) end)
  return {
    what = "kavach run true", peer = peer, unit = "ms",
    version = support.qemu_version(), ours = ours, theirs = theirs,
  }
end

return function(runs)
  local folder <close> = support.folder()
  local argv, initrd = support.bare_argv()
  local full = argv[initrd]
  local small, whole = folder.path .. "/small", folder.path .. "/whole"
  support.write_initramfs(small, support.program "poweroff")
  support.write_initramfs(whole, support.program "poweroff", full)
  argv[initrd] = small
  local figure = compare(runs, argv, "the same QEMU, an init that powers off")
  figure.at_most = 1.10
  argv[initrd] = whole
  return { figure, compare(runs, argv, "the same, in kavach's own initramfs") }
end
