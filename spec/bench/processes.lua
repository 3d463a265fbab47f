--- Many small processes, two at a time.

local support = require "support"

local COUNT <const> = 2000

local SCRIPT <const> = [[
local kavach = require "kavach"
local exec, program, left = kavach.process.exec, %s, %d
kavach.map(function()
  left = left - 1
  if left >= 0 then return program end
end, { concurrency = 2 }, function(argv) assert(assert(exec(argv)).exit_code == 0) end)
]]

local function words_of(argv)
  local quoted = {}
  for i, word in ipairs(argv) do quoted[i] = ("%q"):format(word) end
  return "{" .. table.concat(quoted, ",") .. "}"
end

--- Jobs per second of both, each with its own start and end in the time.
local function compare(runs, what, argv, words)
  local script = SCRIPT:format(words_of(argv), COUNT)
  local xargs = { "xargs", "-a", words, "-P2", "-n1", table.unpack(argv) }
  local ours, theirs = support.interleave(runs,
    function() return COUNT / support.time { support.kavach, "-e", script } * 1000 end,
    function() return COUNT / support.time(xargs) * 1000 end)
  return {
    what = ("%d × process.exec %s, 2 at a time"):format(COUNT, what), unit = "jobs/s",
    peer = ("xargs -P2 -n1 %s on %d words"):format(table.concat(argv, " "), COUNT),
    version = support.version_of("xargs", "--version"),
    ours = ours, theirs = theirs, at_least = 1.2,
  }
end

return function(runs)
  local folder <close> = support.folder()
  local words = folder.path .. "/words"
  local file = assert(io.open(words, "w"))
  file:write(("word\n"):rep(COUNT))
  file:close()
  -- The second line is one that the dynamic loader, which costs both sides the same, does not hide.
  return {
    compare(runs, '{"true"}', { "true" }, words),
    compare(runs, "of a static program", { support.program "nothing" }, words),
  }
end
