-- The error that says why a VM is no more, with QEMU's and the guest's last words.

local err = require "kavach.err"

local function ended_how(self)
  local ended = self.ended
  if ended.failed then
    return (self.state == "created" and "could not be started: " or "is lost: ") .. ended.why
  end
  if ended.signal ~= 0 then return ("was killed by signal %d"):format(ended.signal) end
  return ("exited with code %d"):format(ended.code)
end

---@param self kavach.vm whose QEMU has ended
---@return kavach.Error
return function(self)
  local booting = self.state == "created"
  local said, lines = self.errors:lines(), self.console:lines()
  local message
  if self.console.panic then
    message = "the guest's kernel panicked: " .. self.console.panic
  elseif not booting and ended_how(self) == "exited with code 0" then
    message = "the guest powered off or restarted by itself"
  else
    message = ("QEMU (%s) %s"):format(self.argv[1], ended_how(self))
    if booting and not self.ended.failed then message = message .. " before the guest was ready" end
    if #said > 0 then message = message .. ": " .. table.concat(said, "; ") end
  end
  return err.new(booting and "creation_failed" or "io", message, {
    op = "sandbox", console = lines, qemu_said = said, qemu_ended = self.ended,
  })
end
