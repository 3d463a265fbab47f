local attested = require "support.attested"
local host = require "support.host"
local json = require "kavach.json"
local lfs = require "lfs"
local program = require "support.program"
local snp = require "kavach.snp"

local NOW <const> = tostring(attested.NOW)
local platform, remove_platform, folder, remove_folder

local function put(name, text) return host.write(folder .. "/" .. name, text) end

local function evidence(options)
  options = options or {}
  options.report_data = options.report_data or attested.NONCE
  return assert(platform:evidence(options))
end

--- kavach verify, of the emulator's evidence by the policy that allows it.
local function verify(...)
  return program.run("verify", "--now", NOW, "--emulator", platform.dir, "--policy", "development",
    ...)
end

local function documents(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
  return list
end

local function shell(format, ...)
  return program.shell(format:format(...))
end

local function failures(document)
  local ids = {}
  for _, one in ipairs(document.checks) do
    if one.decides and one.status ~= "pass" then ids[#ids + 1] = one.id end
  end
  return table.concat(ids, " ")
end

describe("kavach verify", function()
  setup(function() platform, remove_platform = attested.platform "milan" end)
  teardown(function() remove_platform() end)
  before_each(function() folder, remove_folder = host.folder() end)
  after_each(function() remove_folder() end)

  it("denies simulated evidence, and says what it takes", function()
    local path = put("ev.json", evidence())
    local exit, out, errors = program.run("verify", path, "--now", NOW)
    assert.same({ 2, "" }, { exit, errors })
    assert.matches("DENIED", out)
    assert.matches("simulated root not allowed", out)
    exit, out = program.run("verify", path, "--now", NOW, "--emulator", platform.dir)
    assert.equal(2, exit)
    assert.matches("simulated root not allowed", out)
    exit = program.run("verify", path, "--now", NOW, "--policy", "development")
    assert.equal(2, exit)
  end)

  it("allows it with the emulator and a policy that says so, labelled simulated", function()
    local policy = put("lenient.json", [[{ "format": "kavach-policy", "name": "dev",
      "version": "1", "requires": { "simulated": "allowed", "report_data": "nonce" } }]])
    local exit, out = program.run("verify", put("ev.json", evidence()), "--now", NOW,
      "--emulator", platform.dir, "--policy", policy, "--nonce", snp.hex(attested.NONCE), "--json")
    assert.equal(0, exit)
    local document = documents(out)[1]
    assert.same({ true, true, "dev", "1" }, {
      document.allow, document.simulated, document.policy, document.policy_version,
    })
    exit, out = program.run("verify", put("ev.json", evidence()), "--now", NOW,
      "--emulator", platform.dir, "--policy", policy)
    assert.equal(2, exit)
    assert.matches("no nonce was given", out)
  end)

  it("refuses the emulator's root as --trust-root", function()
    for _, ending in ipairs { "", "--json" } do
      local exit, out = program.run("verify", put("ev.json", evidence()), "--trust-root",
        platform.dir .. "/ark.pem", "--policy", "development", table.unpack({ ending }, 1,
          ending == "" and 0 or 1))
      assert.equal(2, exit)
      assert.matches("platform emulator's", out)
    end
  end)

  it("prints one document with --json, and nothing else", function()
    local exit, out, errors = verify(put("ev.json", evidence()), "--json")
    assert.same({ 0, "" }, { exit, errors })
    assert.equal(1, #documents(out))
    local document = documents(out)[1]
    assert.same({ 1, true, true, "Milan", 3, "development" }, {
      document.version, document.allow, document.genuine, document.product,
      document.report_version, document.policy,
    })
  end)

  it("explains each failure, and what was not checked", function()
    local exit, out = verify(put("ev.json", evidence { vmpl = 2, policy = 0xb0000 }))
    assert.equal(2, exit)
    assert.matches("✗ the report is of an allowed VMPL %[vmpl%]\n%s+expected%s+0\n%s+found%s+2",
      out)
    assert.matches("✗ debug is not allowed %[policy%]\n%s+expected%s+DEBUG clear", out)
    assert.matches("no CRL was given", out)
    assert.matches("no nonce was given", out)
    assert.is_nil(out:find "\27")
  end)

  it("has colour on a terminal, and not under NO_COLOR", function()
    local path = put("ev.json", evidence())
    local command = ("script -qec '%s verify %s' /dev/null"):format(program.kavach, path)
    local exit = shell("command -v script >/dev/null")
    if exit ~= 0 then return pending "there is no script(1)" end
    local _, out = shell("%s", command)
    assert.matches("\27%[31m", out)
    _, out = shell("NO_COLOR=1 %s", command)
    assert.is_nil(out:find("\27", 1, true))
  end)

  describe("exits with 1", function()
    it("for what cannot be read, and prints the document", function()
      for _, path in ipairs { folder .. "/none", folder } do
        local exit, out = verify(path, "--json")
        assert.equal(1, exit)
        local document = documents(out)[1]
        assert.same({ false, false, "evidence.read", "io" },
          { document.allow, document.genuine, failures(document), document.error.kind })
      end
    end)

    it("where there is no certificate to verify with", function()
      local report = assert(platform:report { report_data = attested.NONCE }).report
      local exit, out = verify(put("report.bin", report), "--json")
      assert.same({ 1, "vek", false }, { exit, documents(out)[1].missing,
        documents(out)[1].genuine })
    end)

    it("for a policy, root, list or emulator that cannot be read", function()
      local path, none = put("ev.json", evidence()), folder .. "/none.json"
      for _, option in ipairs { "--policy", "--trust-root", "--crl", "--emulator" } do
        local exit, out = program.run("verify", path, option, none, "--json")
        assert.equal(1, exit, option)
        assert.is_false(documents(out)[1].allow)
      end
    end)
  end)

  describe("exits with 2", function()
    for name, bytes in pairs {
      ["an empty file"] = "", ["a truncated report"] = attested.bytes():sub(1, 1000),
      ["zeros"] = ("\0"):rep(1184), ["an oversized file"] = ("\0"):rep(3 << 20),
      ["deep JSON"] = ("["):rep(1 << 20), ["half a document"] = '{"format":"kavach-evidence",',
      ["duplicate keys"] = '{"format":"kavach-evidence","format":"kavach-evidence"}',
    } do
      it("for " .. name, function()
        local exit, out, errors = verify(put("input", bytes), "--json")
        assert.same({ 2, "" }, { exit, errors })
        assert.is_false(documents(out)[1].allow)
      end)
    end

    it("for a policy that does not load, and says why", function()
      local path, wrong = put("ev.json", evidence()), put("wrong.json", '{"name":"x"}')
      local exit, out = program.run("verify", path, path, "--policy", wrong, "--json")
      assert.equal(2, exit)
      local list = documents(out)
      assert.same({ 2, "policy.load", "policy.load" },
        { #list, failures(list[1]), failures(list[2]) })
    end)

    it("for a root or list that is none", function()
      local path = put("ev.json", evidence())
      for _, option in ipairs { "--trust-root", "--crl" } do
        local exit, out = program.run("verify", path, option, path, "--json")
        assert.equal(2, exit)
        local document = documents(out)[1]
        assert.equal("trust.load", failures(document))
        assert.equal(("%s: %s: there is none in it"):format(option, path), document.error.message)
      end
    end)
  end)

  describe("exits with 64", function()
    local function misuse(text, ...)
      local exit, out, errors = program.run("verify", ...)
      assert.same({ 64, "" }, { exit, out })
      assert.matches(text, errors)
      assert.matches("^kavach: verify: ", errors)
    end

    it("without evidence, or for an unknown option or policy", function()
      misuse "missing argument"
      misuse("did you mean '%-%-policy'", "x", "--polcy", "strict")
      misuse("there is no policy 'strcit' %(did you mean 'strict'%?%)", "x", "--policy", "strcit")
    end)

    it("for a nonce that is not 64 bytes in hex", function()
      for _, nonce in ipairs { "", "00", ("0"):rep(127), ("0"):rep(129), ("0"):rep(126) .. "0x",
        ("é"):rep(64) } do
        misuse("option '%-%-nonce': ", "x", "--nonce=" .. nonce)
      end
    end)

    it("for a time that is none", function()
      for _, time in ipairs { "", "-1", "1.5", "0x10", "now", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+24:00", "2026-01-01", "2026-01-01T00:00:000Z",
        "2026-01-01T00:00:00.Z", "9999999999999999999" } do
        misuse("option '%-%-now': ", "x", "--now=" .. time)
      end
    end)

    it("for an unknown product", function()
      misuse("unknown product 'naples'", "x", "--product", "naples")
    end)
  end)

  it("takes times as seconds and as RFC 3339", function()
    local path = put("ev.json", evidence())
    for text, seconds in pairs {
      ["1700000001"] = 1700000001, ["2023-11-14T22:13:21Z"] = 1700000001,
      ["2023-11-15t00:13:21.75+02:00"] = 1700000001, ["2023-11-14 21:13:21-01:00"] = 1700000001,
      ["2024-02-29T12:00:00Z"] = 1709208000, ["1970-01-01T00:00:00Z"] = 0,
    } do
      local _, out = program.run("verify", path, "--json", "--now", text)
      assert.equal(seconds, documents(out)[1].now, text)
    end
  end)

  it("holds a report to a nonce and a product", function()
    local path = put("ev.json", evidence())
    assert.equal(0, (verify(path, "--nonce", snp.hex(attested.NONCE):upper(), "--product",
      "Milan")))
    local exit, out = verify(path, "--nonce", ("0"):rep(128), "--product", "genoa", "--json")
    assert.equal(2, exit)
    assert.equal("bind.product policy.genuine policy.nonce", failures(documents(out)[1]))
  end)

  it("checks revocation lists", function()
    local at = tostring(attested.BEGIN + 3600)
    local good = put("good.crl", assert(platform:crl()))
    local bad = put("bad.crl", assert(platform:crl { revoked = { "ask" } }))
    local path = put("ev.json", evidence())
    assert.equal(0, (verify(path, "--crl", good, "--now", at)))
    local exit, out = verify(path, "--crl", good, "--crl", bad, "--now", at, "--json")
    assert.equal(2, exit)
    assert.equal("crl.ask_not_revoked policy.genuine", failures(documents(out)[1]))
  end)

  it("escapes what a file's name would do to a terminal", function()
    local _, out = verify(put("a\27[2Jb\n", "x"))
    assert.matches("a\\x1b[2Jb\\x0a", out, 1, true)
    assert.is_nil(out:find("\27", 1, true))
  end)

  describe("by a policy in Lua", function()
    local RULE <const> = 'policy "web"\nversion "3"\nexpect { simulated = "allowed" }\n'
      .. 'rule "known" (function(e) return data.known[e.product] == true, "not known" end)\n'

    local function judge(...)
      return program.run("verify", put("ev.json", evidence()), "--now", NOW, "--emulator",
        platform.dir, ...)
    end

    it("allows or denies by its rules and data, and names both", function()
      local path, data = put("web.lua", RULE), put("known.json", '{"Milan": true}')
      local exit, out = judge("--policy", path, "--data", "known=" .. data, "--json")
      local document = documents(out)[1]
      assert.same({ 0, true, "web", "3" },
        { exit, document.allow, document.policy, document.policy_version })
      assert.same({ known = snp.hex(snp.sha256 '{"Milan": true}') }, document.data)
      assert.equal(64, #document.policy_digest)
      assert.is_true(document.spent.steps > 0)
      exit, out = judge("--policy", path, "--data=known=" .. put("known.json", "{}"))
      assert.equal(2, exit)
      assert.matches("✗ known", out, 1, true)
      assert.matches("product = Milan, data.known.Milan = nil", out, 1, true)
      assert.matches("not known", out, 1, true)
    end)

    it("exits with 2 where it does not load, and says why", function()
      local exit, out = judge("--policy", put("web.lua", 'policy "web"\nexpect { vmpll = {} }'))
      assert.equal(2, exit)
      assert.matches("web.lua:2: expect: unknown option 'vmpll' (did you mean 'vmpl'?)", out, 1,
        true)
    end)

    it("exits with 1 where it, or its data, cannot be read", function()
      assert.equal(1, (judge("--policy", folder .. "/none.lua")))
      assert.equal(1, (judge("--policy", put("web.lua", RULE), "--data",
        "known=" .. folder .. "/none.json")))
    end)

    it("takes data for nothing else, each name once", function()
      local path = put("web.lua", RULE)
      for message, words in pairs {
        ["--data is for the rules of a policy in Lua"] = { "--data", "x=y" },
        ["there are two of 'x'"] = { "--policy", path, "--data", "x=y", "--data", "x=z" },
        ["'x' is not NAME=FILE"] = { "--policy", path, "--data", "x" },
        ["'a-b=c' is not NAME=FILE"] = { "--policy", path, "--data", "a-b=c" },
      } do
        local exit, _, errors = judge(table.unpack(words))
        assert.equal(64, exit)
        assert.matches(message, errors, 1, true)
      end
    end)

    it("of much evidence, in order", function()
      local path, data = put("web.lua", RULE), put("known.json", '{"Milan": true}')
      local one, two = put("one.json", evidence()), put("two.json", evidence { vmpl = 1 })
      local exit, out = judge(one, two, one, "--policy", path, "--data", "known=" .. data)
      assert.equal(0, exit)
      assert.equal(4, select(2, out:gsub(": [^\n]*allowed", "")))
    end)
  end)

  it("has --help", function()
    local exit, out = program.run("verify", "--help")
    assert.equal(0, exit)
    for _, word in ipairs { "--policy", "--data", "--nonce", "--now", "--trust-root", "--crl",
      "--product", "--emulator", "--json", "Exit codes" } do
      assert.matches(word, out, 1, true)
    end
  end)
end)

describe("kavach verify, of much evidence,", function()
  setup(function() platform, remove_platform = attested.platform "milan" end)
  teardown(function() remove_platform() end)
  before_each(function() folder, remove_folder = host.folder() end)
  after_each(function() remove_folder() end)

  it("prints a line for each, in order, and exits with the worst", function()
    local good, denied = put("good", evidence()), put("denied", evidence { vmpl = 1 })
    local unread = folder .. "/unread"
    local exit, out = verify(good, denied, good)
    assert.equal(2, exit)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(3, #lines)
    assert.matches("^" .. good .. ": allowed %(genuine, SIMULATED, Milan, policy development%)$",
      lines[1])
    assert.matches(": denied .*: policy.vmpl$", lines[2])
    exit, out = verify(denied, unread, good, "--json")
    assert.equal(1, exit)
    local list = documents(out)
    assert.same({ "denied", "undecided", "allowed" },
      { list[1].outcome, list[2].outcome, list[3].outcome })
    assert.same({ denied, unread, good },
      { list[1].evidence.source, list[2].evidence.source, list[3].evidence.source })
    assert.equal(0, (verify(good, good)))
  end)

  it("takes lines of standard input, each with its number", function()
    local report = snp.hex(assert(platform:report { report_data = attested.NONCE }).report)
    local path = put("lines", table.concat({
      evidence(), "", "nonsense", report, ("x"):rep(2 << 20), '{"a":NaN}', evidence(),
    }, "\n"))
    local exit, out = shell("%s verify - --now %s --emulator %s --policy development --json <%s",
      program.kavach, NOW, platform.dir, path)
    assert.equal(1, exit) -- the bare report has no certificate
    local list, seen = documents(out), {}
    for i, one in ipairs(list) do seen[i] = one.evidence.line .. " " .. one.outcome end
    assert.same({ "1 allowed", "3 denied", "4 undecided", "5 denied", "6 denied", "7 allowed" },
      seen)
    assert.matches("too large", list[4].error.message)
    assert.equal("hex", list[3].evidence.encoding)
  end)

  it("answers a line before the next one is written", function()
    local kavach = require "kavach"
    kavach.run(function()
      local running <close> = assert(kavach.process.start({ program.kavach, "verify", "-",
        "--json", "--now", NOW }, { stdin = "pipe", stdout = "pipe" }))
      for i = 1, 3 do
        assert(running:write(evidence() .. "\n"))
        local text = ""
        assert(kavach.deadline(20000, function()
          repeat text = text .. assert(running.stdout:read()) until text:find "\n$"
          return true
        end))
        assert.equal(i, documents(text)[1].evidence.line)
      end
      running.stdin:close()
      assert.equal(2, assert(running:wait()).exit_code)
    end)
  end)

  it("allows nothing when no line comes", function()
    local exit, out, errors = shell("%s verify - </dev/null", program.kavach)
    assert.same({ 1, "", "kavach: verify: standard input: no evidence\n" }, { exit, out, errors })
    exit, out = shell("echo | %s verify - --json", program.kavach)
    assert.same({ 1, "" }, { exit, out })
  end)

  it("fails if what it says cannot be written", function()
    local path = put("ev.json", evidence())
    for _, words in ipairs { "", "--json" } do
      local exit, _, errors = shell(
        "%s verify %s --now %s --emulator %s --policy development %s >/dev/full", program.kavach,
        path, NOW, platform.dir, words)
      assert.equal(1, exit)
      assert.matches("standard output: No space left on device", errors, 1, true)
    end
  end)

  -- #memory: the addresses of a sanitizer alone are terabytes.
  it("judges ten thousand files with few descriptors and little memory #memory", function()
    local good, bad = put("good", evidence()), put("bad", "nonsense")
    assert(lfs.mkdir(folder .. "/many"))
    for i = 1, 10000 do
      assert(lfs.link(i % 100 == 0 and bad or good, ("%s/many/%05d"):format(folder, i)))
    end
    -- The addresses hold the program, its libraries, and its threads' stacks and arenas.
    local exit, out, errors = shell("cd %s/many && ulimit -n 32 && ulimit -v 400000 && %s verify * "
      .. "--now %s --emulator %s --policy development", folder, program.absolute, NOW, platform.dir)
    assert.same({ 2, "" }, { exit, errors })
    local count = 0
    for line in out:gmatch "[^\n]+" do
      count = count + 1
      local wanted = ("%05d: %s"):format(count, count % 100 == 0 and "denied" or "allowed")
      if line:sub(1, #wanted) ~= wanted then error(line) end
    end
    assert.equal(10000, count)
  end)

  it("gives no answer that it cannot log", function()
    local path, log = put("ev.json", evidence()), folder .. "/log"
    local exit, out = verify(path, "--decision-log", log)
    assert.equal(0, exit)
    assert.not_equal("", out)
    assert.is_true(documents(host.slurp(log))[1].allow)
    local errors
    exit, out, errors = verify(path, "--decision-log", "/dev/full")
    assert.same({ 1, "" }, { exit, out })
    assert.matches("decision log: /dev/full: No space left", errors)
  end)

  it("logs each of many decisions, in their order", function()
    local path, log = put("ev.json", evidence()), folder .. "/log"
    local bad = put("bad.json", "{}")
    local exit = verify(path, bad, path, "--decision-log", log)
    assert.equal(2, exit)
    local list = documents(host.slurp(log))
    assert.same({ true, false, true }, { list[1].allow, list[2].allow, list[3].allow })
  end)
end)
