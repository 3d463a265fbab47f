--- `kavach batch remove`: forgets batches.

local function configure(parser)
  parser.interleaved = true
  parser:description "Remove batches: their journals, and the outputs beside them."
  parser:argument("names", "As kavach batch list shows them."):args "+"
  parser:epilog [[
One that runs is not removed. What was exported with --results stays. One whose
removal was cut off is gone, and what is left of it goes with the same command.

Exit codes: 0; 1 if one is not there, runs, or could not be removed; 64 usage.

Example:
   kavach batch remove thumbnails]]
end

local function remove(name)
  local place = require "kavach.batch.place"
  local where, why = place.removable(name)
  if not where then return nil, why end
  local lock <close>, held = place.lock(where)
  if not lock then return nil, held end
  return place.remove(where)
end

local function run(args)
  local json = require "kavach.json"
  local removed, code = json.array(), 0
  for _, name in ipairs(args.names) do
    local ok, why = remove(name)
    if ok then
      removed[#removed + 1] = name
    else
      require("kavach.cli").complain("batch remove: " .. tostring(why))
      code = 1
    end
  end
  if args.json then
    io.stdout:write(json.encode { version = 1, removed = removed }, "\n")
  end
  return code
end

return {
  summary = "Remove batches.",
  configure = configure,
  tells_failure = true,
  run = run,
}
