--- One `kavach verify`, from exec to exit, without the cryptography that it must do: beside
--- `openssl version`, which loads the same library.

local evidence = require "evidence"
local snp = require "kavach.snp"
local support = require "support"

--- What the cryptography takes: one verification with nothing known, in this process.
local function crypto(given)
  local verifier <const> = assert(snp.verifier {})
  local begun, count = os.clock(), 50
  for _ = 1, count do verifier:verify(given) end
  return (os.clock() - begun) / count * 1000
end

return function(runs)
  local folder <close> = support.folder()
  local given = evidence.make(folder.path)
  local argv = { support.kavach, "verify", folder.path, "--now", tostring(evidence.NOW),
    "--trust-root", folder.path .. "/ark.der", "--json" }
  assert(support.output(argv):find('"allow":true', 1, true))
  local needed = crypto(given)
  local whole = {}
  local ours, theirs = support.interleave(runs * 5,
    function()
      whole[#whole + 1] = support.time(argv)
      return whole[#whole] - needed
    end,
    function() return support.time { "openssl", "version" } end)
  return { {
    what = "kavach verify, without its cryptography", peer = "openssl version", unit = "ms",
    version = support.version_of("openssl", "version"), ours = ours, theirs = theirs, at_most = 4,
    parts = { { what = "whole", unit = "ms", values = whole },
      { what = "its cryptography", unit = "ms", values = { needed } } },
  } }
end
