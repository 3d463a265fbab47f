--- `kavach policy check`: mistakes in policies that can be seen without evidence.

local inputs = require "kavach.cli.verify.inputs"

local EXIT_FINDINGS <const>, EXIT_USAGE <const> = 2, 64
local VERSION <const> = 1

local function configure(parser)
  parser.interleaved = true
  parser:description "Look for mistakes in attestation policies in Lua."
  parser:argument("file", "A policy; files that it includes are looked at, too."):args "+"
  inputs.configure_data(parser)
  parser:epilog [[
Each policy is loaded as an evaluation would load it, in its own process, and its text is
looked at: mistyped names and fields (with the nearest), values that no requirement has,
conditions that always come out the same, rules that look at nothing, groups of one, data
that is never used; and what luacheck (Debian's lua-check) finds where a policy's own
functions are the only globals. One line for each: PLACE: what it is [code].

Exit codes: 0 nothing was found; 1 a file cannot be read; 2 something was found;
64 usage.

Examples:
   kavach policy check prod.lua
   kavach policy check scripts/policies/*.lua --json
   kavach policy check fleet.lua --data fleet=fleet.json]]
end

local function plain(text) return require("kavach.plain").text(text) end

local function complain(message)
  require("kavach.cli").complain("policy check: " .. message)
end

local function print_text(findings)
  for _, one in ipairs(findings) do
    local place = one.line and ("%s:%d"):format(one.file, one.line) or one.file
    io.stdout:write(("%s: %s [%s]\n"):format(plain(place), plain(one.message), one.code))
  end
end

local function print_json(findings, asked)
  local json = require "kavach.json"
  local list = json.array()
  for i, one in ipairs(findings) do
    list[i] = {
      file = plain(one.file), line = one.line or json.null, code = one.code,
      message = plain(one.message),
    }
  end
  local document = { version = VERSION, findings = list, luacheck = asked }
  io.stdout:write(assert(json.encode(document)), "\n")
end

-- The findings of all files, and whether luacheck was there; nil and an error for the first that
-- cannot be read.
local function check_all(paths, data)
  local all, seen, asked = {}, {}, true
  for _, path in ipairs(paths) do
    local findings, ran = require("kavach.attest.lint").check(path, data)
    if not findings then return nil, ran end
    asked = asked and ran
    for _, one in ipairs(findings) do
      -- a file that several include has each finding once
      local key = ("%s:%s:%s"):format(one.file, one.line, one.message)
      if not seen[key] then all[#all + 1] = one end
      seen[key] = true
    end
  end
  return all, asked
end

local function run(args)
  for _, path in ipairs(args.file) do
    if not path:find "%.lua$" then
      complain(("%s: a policy in Lua ends in .lua"):format(path))
      return EXIT_USAGE
    end
  end
  local data, misuse = inputs.data(args, args.file)
  if misuse then
    complain(misuse)
    return EXIT_USAGE
  end
  local findings, asked = check_all(args.file, data)
  if not findings then return nil, asked end
  if not asked then complain "luacheck was not run: install Debian's lua-check" end
  if args.json then print_json(findings, asked) else print_text(findings) end
  return #findings > 0 and EXIT_FINDINGS or 0
end

return {
  summary = "Look for mistakes in policies.",
  configure = configure,
  tells_failure = true,
  run = run,
}
