-- What the guest's Linux means by its error numbers (x86-64), in words. The host's own table could
-- differ, and Lua does not give it.

local TEXT = {
  [1] = "not permitted", [2] = "not found", [5] = "input/output error",
  [7] = "the arguments are too long", [8] = "not an executable format",
  [11] = "no resources left", [12] = "out of memory", [13] = "permission denied",
  [16] = "busy", [17] = "it exists already", [19] = "no such device", [20] = "not a directory",
  [21] = "it is a directory", [22] = "invalid argument", [26] = "text file busy",
  [27] = "the file is too large", [28] = "no space left", [30] = "the file system is read-only",
  [36] = "the name is too long", [40] = "too many symbolic links",
  [74] = "damaged: it does not match its checksums", [95] = "not supported",
  [117] = "damaged: the file system is not in order", [125] = "called off",
}

---A sentence's end for what failed: "NAME: REASON".
---@param what string what it is about, in the host's words
---@param errno integer
---@param said string what the agent says it is about
---@return string
return function(what, errno, said)
  local reason = TEXT[errno] or ("error %d"):format(errno)
  if said ~= "" and not what:find(said, 1, true) then reason = ("%s (%s)"):format(reason, said) end
  return ("%s: %s"):format(what, reason)
end
