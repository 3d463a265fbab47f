local host = require "support.host"
local program = require "support.program"

--- Runs a script in the program; what it prints, standard error included, and its exit code. Under
--- LeakSanitizer that is what was not freed, too.
local function script(code)
  local path = host.write(os.tmpname(), code)
  local pipe = io.popen(("'%s' '%s' 2>&1"):format(program.kavach, path))
  local out = pipe:read "a"
  local _, _, exit = pipe:close()
  os.remove(path)
  return exit, out
end

describe("a Lua state that closes while threads are at work", function()
  it("waits for verifications, and frees nothing under them", function()
    assert.same({ 0, "leaving" }, { script [[
      local core, snp = require "kavach.core", require "kavach.snp"
      local list = {}
      for i = 1, 1024 do
        list[i] = { report = ("\5\0\0\0"):rep(296), now = i,
          certificates = { { role = "vcek", der = ("%d"):format(i):rep(300) } } }
      end
      local verifier = assert(snp.verifier {})
      for _ = 1, 2 do
        local job = verifier:work(list)
        core.work(job:work(), job, print)
      end
      io.write "leaving"
      os.exit(0, true)
    ]] })
  end)

  it("waits for a key that is being made", function()
    assert.same({ 0, "leaving" }, { script [[
      local core, snp = require "kavach.core", require "kavach.snp"
      local job = snp.emulate_key "ark"
      core.work(job:work(), job, print)
      io.write "leaving"
      os.exit(0, true)
    ]] })
  end)

  it("calls off what no thread has begun, and lets go of what it was for", function()
    assert.same({ 0, "leaving" }, { script [[
      local core, snp = require "kavach.core", require "kavach.snp"
      local verifier = assert(snp.verifier {})
      local list = {}
      for i = 1, 256 do list[i] = { report = ("\5\0\0\0"):rep(296), now = i } end
      for _ = 1, 100 do
        local job = verifier:work(list)
        core.work(job:work(), job, print)
      end
      io.write "leaving"
      os.exit(0, true)
    ]] })
  end)

  it("stops a measurement of endless files", function()
    local endless = host.endless(os.tmpname())
    assert.same({ 0, "leaving" }, { script(([[
      local core, snp = require "kavach.core", require "kavach.snp"
      local job = snp.measure { ovmf = "/dev/null", kernel = "ENDLESS", initrd = "ENDLESS" }
      local images, initrd = job:work()
      core.work(initrd, job, print)
      core.work(images, job, print)
      io.write "leaving"
      os.exit(0, true)
    ]]):gsub("ENDLESS", endless)) })
    os.remove(endless)
  end)
end)
