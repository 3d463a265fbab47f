--- `kavach template clear`: removes templates.

local VERSION <const> = 1

local MINUTES <const> = { h = 60, d = 24 * 60 }

-- Hours and days too, which no other option needs.
local function age(text)
  local number, unit = text:match "^(%d+)([hd])$"
  local minutes = number and #number <= 6 and ("%dm"):format(tonumber(number) * MINUTES[unit])
  local ms, why = require("kavach.cli.options").duration(minutes or text)
  if ms then return ms end
  if minutes then why = why:gsub(minutes, text, 1) end
  return nil, (why:gsub("2m;", "2m, 12h, 30d;"))
end

local function configure(parser)
  parser.interleaved = true
  parser:description "Remove saved guests: all, or those that everything given here fits."
  parser:argument("digest", "What kavach template list calls them, or its beginning."):args "*"
  parser:flag("--bad", "Those that are marked bad.")
  parser:option("--unused", "Those that nothing was started of for so long: 12h, 30d.")
    :argname "TIME":convert(age)
  parser:epilog [[
Sandboxes that were started of one go on. The next start of its kind makes another.

Exit codes: 0, also if there was none to remove; 1 if one that was named is not there
(nothing is removed then), or cannot be removed; 64 usage.

Examples:
   kavach template clear
   kavach template clear --bad
   kavach template clear --unused 7d
   kavach template clear 59127015]]
end

local function run(args)
  local count, bytes = require("kavach.sandbox.templates").clear {
    digest = #args.digest > 0 and args.digest or nil,
    bad = args.bad or nil, unused_ms = args.unused,
  }
  if not count then return nil, bytes end
  if args.json then
    io.stdout:write(assert(require("kavach.json").encode {
      version = VERSION, removed = count, bytes = bytes,
    }), "\n")
  else
    io.stdout:write(("%d removed, %s\n"):format(count, require("kavach.cli.table").size(bytes)))
  end
  return 0
end

return {
  summary = "Remove saved guests.",
  configure = configure,
  tells_failure = true,
  run = run,
}
