--- `kavach template`: the saved guests of which sandboxes start as copies.

local EXIT_USAGE <const> = 64

local function configure(parser)
  parser:description "Look after the saved guests of which sandboxes start as copies."
  parser:usage "Usage: kavach template list|build|clear [OPTION…]"
  parser:epilog [[
   kavach template list              those that there are
   kavach template build [OPTION…]   makes one, unless it is there
   kavach template clear             removes them

Nobody has to: the first start with a QEMU, a kernel and a machine of some size boots its
guest and saves it on the way; later ones start as copies of it, in a tenth of the time,
unless --cold is given. Templates are kept in $XDG_CACHE_HOME/kavach/templates (without
that variable ~/.cache/kavach/templates). Those not used for KAVACH_TEMPLATE_DAYS (30) go,
and those used longest ago once all take more than KAVACH_TEMPLATE_MB (4096).

Each has --help.]]
end

local function run()
  require("kavach.cli").complain("template: one of list, build and clear is needed; see "
    .. "kavach template --help")
  return EXIT_USAGE
end

return {
  summary = "The saved guests of which sandboxes start as copies.",
  configure = configure,
  actions = { "list", "build", "clear" },
  run = run,
}
