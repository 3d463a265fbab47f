--- An empty script.

local support = require "support"

return function(runs)
  local ours, theirs = support.interleave(runs * 10,
    function() return support.time { support.kavach, "-e", "" } end,
    function() return support.time { "lua5.4", "-e", "" } end)
  return { {
    what = "kavach -e ''", peer = "lua5.4 -e ''", unit = "ms",
    version = support.version_of("lua5.4", "-v"),
    ours = ours, theirs = theirs, at_most = 1.5,
  } }
end
