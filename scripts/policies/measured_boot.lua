-- A guest whose kernel, initrd and command line are part of its launch digest (measured direct
-- boot). `kavach measure` computes the digest of a release; --data releases=FILE has them:
--
--   { "4f8a…": { "version": "2.4.1", "svn": 7 }, … }
--
-- A release with a lower SVN than the floor was withdrawn.
policy "measured boot"
version "1"
description "a kernel that we released, not withdrawn"

include "strict"

local SVN_FLOOR <const> = 5

local function release(e)
  return data.releases[e.report.measurement]
end

rule "the launch digest is of a release" (function(e)
  return release(e) ~= nil, "not among the releases"
end)

rule "the release was not withdrawn" (function(e)
  local found = release(e)
  if found == nil then
    return false, "it is no release"
  end
  return found.svn >= SVN_FLOOR, found.version .. " was withdrawn"
end)

rule "the guest's SVN is that of the release" (function(e)
  local found = release(e)
  return found ~= nil and found.svn == e.report.guest_svn, "an ID block says otherwise"
end)
