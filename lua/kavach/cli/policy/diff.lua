--- `kavach policy diff`: which decisions change from one policy to another.

local inputs = require "kavach.cli.verify.inputs"

local EXIT_CHANGED <const>, EXIT_USAGE <const> = 2, 64
local VERSION <const> = 1

local function configure(parser)
  parser.interleaved = true
  parser:description "Judge evidence by two policies, and tell which decisions change."
  parser:argument("old", "The policy of now: a file, or a built-in one.")
  parser:argument("new", "The policy to come.")
  parser:argument("evidence", "What kavach verify takes; or - for one evidence a line on standard "
    .. "input."):args "+"
  inputs.configure(parser)
  parser:epilog [[
One line for each evidence whose decision changes, with what keeps it from being allowed;
and for each that is denied either way, but for other reasons. --data is for both.

Exit codes: 0 no decision changes; 1 a policy or some evidence cannot be read; 2 some
decision changes; 64 usage.

Examples:
   kavach policy diff prod.lua prod-next.lua evidence/*.json
   kavach policy diff strict prod.lua - --json < evidence.jsonl]]
end

local function complain(message)
  require("kavach.cli").complain("policy diff: " .. message)
end

-- ---- comparing ---------------------------------------------------------------------------------

local function reasons_of(decision)
  local ids = require("kavach.json").array()
  for i, check in ipairs(decision:reasons()) do ids[i] = check.id end
  return ids
end

-- What changes: "decision", "reasons", or nil.
local function change_of(old, new)
  if old:outcome() ~= new:outcome() then return "decision" end
  if table.concat(reasons_of(old), " ") ~= table.concat(reasons_of(new), " ") then
    return "reasons"
  end
end

local function side(decision)
  local reasons = reasons_of(decision)
  return decision:outcome() .. (#reasons > 0 and " by " .. table.concat(reasons, ", ") or "")
end

local function source_of(decision, item)
  local plain = require "kavach.plain"
  local name = plain.text(item.source or decision.evidence.source or "evidence")
  return item.line and ("%s line %d"):format(name, item.line) or name
end

local function print_change(args, source, old, new, change)
  if args.json then
    io.stdout:write(assert(require("kavach.json").encode {
      version = VERSION, evidence = source, change = change or require("kavach.json").null,
      old = { outcome = old:outcome(), reasons = reasons_of(old) },
      new = { outcome = new:outcome(), reasons = reasons_of(new) },
    }), "\n")
  elseif change == "decision" then
    io.stdout:write(("%s: %s → %s\n"):format(source, side(old), side(new)))
  elseif change then
    io.stdout:write(("%s: %s either way, now by %s, before by %s\n"):format(source, new:outcome(),
      table.concat(reasons_of(new), ", "), table.concat(reasons_of(old), ", ")))
  end
end

-- ---- the command -------------------------------------------------------------------------------

local function read_policies(args, files)
  local old, why = inputs.policy(args.old, files)
  if not old then return nil, require("kavach.err").wrap(why, "OLD") end
  local new
  new, why = inputs.policy(args.new, files)
  if not new then return nil, require("kavach.err").wrap(why, "NEW") end
  return old, new
end

-- The decision about one item of kavach.attest.sources.
local function decide(item, policy, options)
  if item.error then
    return require("kavach.attest.decision").denied(policy, item.error, "evidence", item.source)
  end
  return require("kavach.attest.verify").verify(item.evidence, policy, options)
end

local function compare(args, old, new, options)
  local counts = { all = 0, decision = 0, reasons = 0, unread = 0 }
  for item in require("kavach.attest.sources").of(args.evidence) do
    if item then
      local before, after = decide(item, old, options), decide(item, new, options)
      local change = change_of(before, after)
      counts.all = counts.all + 1
      if change then counts[change] = counts[change] + 1 end
      if before.error and require("kavach.err").is(before.error, "io") then
        counts.unread = counts.unread + 1
        complain(tostring(before.error))
      end
      print_change(args, source_of(before, item), before, after, change)
    end
  end
  return counts
end

local function run(args)
  local files, misuse = inputs.data(args, { args.old, args.new })
  if misuse then
    complain(misuse)
    return EXIT_USAGE
  end
  local old, new = read_policies(args, files)
  if not old then return nil, new end
  local options, why = inputs.options(args)
  if not options then return nil, why end
  options.now = options.now or os.time() -- the same for both
  local counts = compare(args, old, new, options)
  if counts.all == 0 then return require("kavach.err").fail("io", "no evidence") end
  if not args.json then
    io.stdout:write(("%d of %d decisions change, %d have other reasons\n"):format(counts.decision,
      counts.all, counts.reasons))
  end
  if counts.unread > 0 then return 1 end
  return counts.decision > 0 and EXIT_CHANGED or 0
end

return {
  summary = "Which decisions change from one policy to another.",
  configure = configure,
  run = run,
}
