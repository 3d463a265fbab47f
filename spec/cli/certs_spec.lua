local host = require "support.host"
local json = require "kavach.json"
local kds_server = require "support.kds_server"
local lfs = require "lfs"
local pem = require "kavach.attest.pem"
local platforms = require "support.platforms"
local program = require "support.program"
local snp = require "kavach.snp"

describe("kavach certs fetch", function()
  if not kds_server.here() then
    pending "luv is not installed, which the server runs on"
    return
  end

  local folder, remove, milan, turin, evidence, server
  local caches = 0

  setup(function()
    folder, remove = host.folder()
    -- The program takes the time from the clock.
    local options = { not_before = os.time() - 1000, product = "milan" }
    milan = platforms.make(folder .. "/milan", options)
    options.product = "turin"
    turin = platforms.make(folder .. "/turin", options)
    evidence = host.write(folder .. "/report.bin",
      assert(milan:report { report_data = ("n"):rep(64) }).report)
    server = kds_server.start(kds_server.answers(milan), kds_server.answers(turin))
  end)
  teardown(function()
    server:close()
    remove()
  end)
  before_each(function() caches = caches + 1 end)

  --- Runs it with a cache of this spec's own; `words` may begin with a table of the environment.
  local function run(...)
    local words, environment = { ... }, ""
    if type(words[1]) == "table" then environment = table.concat(table.remove(words, 1), " ") end
    for i, word in ipairs(words) do words[i] = "'" .. word .. "'" end
    return program.shell(("env -u http_proxy -u no_proxy XDG_CACHE_HOME='%s/cache%d' %s '%s' certs "
      .. "%s"):format(folder, caches, environment, program.kavach, table.concat(words, " ")))
  end

  local function objects() return ("%s/cache%d/kavach/certs/objects"):format(folder, caches) end

  it("gets what belongs to a report, and says where it is", function()
    local code, out, errors = run("fetch", evidence, "--kds", server.url, "--crl")
    assert.same({ 0, "" }, { code, errors })
    for _, role in ipairs { "vcek", "ask", "ark", "crl" } do
      local path = out:match("%f[%w]" .. role .. " +server +(%S+)\n")
      assert.equal(objects(), path:match "^(.*)/%x+$")
      if role ~= "crl" then assert.equal(milan.certificates[role], host.slurp(path)) end
    end
    code, out = run("fetch", evidence, "--kds=" .. server.url, "--offline", "--crl")
    assert.equal(0, code)
    assert.same(4, select(2, out:gsub(" cache ", "")))
  end)

  it("prints one JSON document", function()
    local code, out, errors = run("fetch", "--product=turin", "--chip-id",
      snp.hex(turin.chip_id:sub(1, 8)), "--tcb=fmc=1,bl=1,tee=1,snp=4,ucode=81", "--kds",
      server.url, "--json")
    assert.same({ 0, "" }, { code, errors })
    local document = assert(json.decode(out))
    assert.same({ 1, "Turin", "0x5100000004010101" },
      { document.version, document.product, document.reported_tcb })
    local vcek = document.certificates.vcek
    assert.equal(turin.certificates.vcek, snp.unbase64(vcek.der))
    assert.same({ "server", server.url .. kds_server.vcek_path(turin),
      snp.hex(snp.sha256(turin.certificates.vcek)) }, { vcek.source, vcek.url, vcek.sha256 })
  end)

  it("writes files as kavach verify reads them", function()
    local out = folder .. "/out/deep"
    assert.equal(0, (run("fetch", evidence, "--kds", server.url, "--crl", "--out", out)))
    for _, role in ipairs { "vcek", "ask", "ark" } do
      assert.equal(pem.encode(milan.certificates[role]),
        host.slurp(("%s/%s.pem"):format(out, role)))
    end
    assert.is_true(snp.signed_by(host.slurp(out .. "/crl.der"), milan.certificates.ark))
    assert.equal("rwx------", lfs.attributes(out, "permissions"))
    host.write(out .. "/report.bin", host.slurp(evidence))
    local loaded = assert(require "kavach.attest.evidence".load(out))
    assert.same({ 3, 1 }, { #loaded.certificates, #loaded.crls })
  end)

  it("gets a chain alone, and a VLEK's", function()
    local code, out = run("fetch", "--product", "Milan", "--kds", server.url)
    assert.equal(0, code)
    assert.matches("^ask +server +%S+\nark +server +%S+\n$", out)
    code, out = run("fetch", "--product", "Milan", "--vlek-chain", "--kds", server.url)
    assert.equal(0, code)
    assert.matches("^asvk +server +%S+\nark +", out)
    local vlek = host.write(folder .. "/vlek.bin",
      assert(milan:report { report_data = ("n"):rep(64), key = "vlek" }).report)
    local errors
    code, out, errors = run("fetch", vlek, "--kds", server.url)
    assert.equal(0, code)
    assert.matches("^asvk ", out)
    assert.matches("a VLEK signed this report", errors)
  end)

  it("needs to be told the product where a report does not tell it", function()
    local old = assert(milan:report { report_data = ("n"):rep(64), version = 2 })
    local path = host.write(folder .. "/v2.bin", old.report)
    local code, _, errors = run("fetch", path, "--kds", server.url)
    assert.equal(1, code)
    assert.matches("does not tell its product", errors)
    assert.equal(0, (run("fetch", path, "--kds", server.url, "--product", "milan")))
    local bundle = host.write(folder .. "/v2.json", require "kavach.attest.bundle".encode(old))
    assert.equal(0, (run("fetch", bundle, "--kds", server.url)))
  end)

  it("opens no socket offline, and does not even load what could", function()
    local asked = #server:requests()
    local code, out, errors = run("fetch", evidence, "--kds", server.url, "--offline")
    assert.same({ 1, "" }, { code, out })
    assert.equal("kavach: certs: offline, and the cache has no VCEK\n", errors)
    local script = [[
      local cli = require "kavach.cli"
      cli.main { "certs", "fetch", "--product", "milan", "--offline" }
      io.stdout:write(io.open("/proc/self/maps"):read "a":find "libcurl" and "curl" or "none")
    ]]
    code, out = program.shell(("XDG_CACHE_HOME='%s/none' '%s' -e '%s'"):format(folder,
      program.kavach, script))
    assert.same({ 0, "none" }, { code, out })
    assert.equal(asked, #server:requests())
  end)

  it("goes through a proxy, if there is one", function()
    local proxy <close> = kds_server.start(kds_server.answers(milan))
    local code = run({ "http_proxy=" .. proxy.url }, "fetch", "--product=milan", "--kds",
      "http://kds.invalid")
    assert.equal(0, code)
    assert.same({ "http://kds.invalid/vcek/v1/Milan/cert_chain" }, proxy:requests())
    caches = caches + 1
    code = run({ "http_proxy=" .. proxy.url, "no_proxy=127.0.0.1" }, "fetch", "--product=milan",
      "--kds", server.url)
    assert.equal(0, code)
    assert.equal(1, #proxy:requests())
  end)

  it("tells that it waits, and gives up when it is time", function()
    local path = "/vcek/v1/Milan/cert_chain"
    local busy <close> = kds_server.start(kds_server.answers(milan), { [path] = {
      { status = 503 }, kds_server.answers(milan)[path][1] } })
    local code, _, errors = run("fetch", "--product=milan", "--kds", busy.url)
    assert.equal(0, code)
    assert.matches("^kavach: certs: http://%S+: the server answers 503; trying again in %d%.%d s\n",
      errors)
    local full <close> = kds_server.start { ["*"] = { { status = 429,
      headers = { "Retry-After: 100" } } } }
    code, _, errors = run("fetch", "--product=milan", "--kds", full.url, "--timeout", "5s")
    assert.equal(1, code)
    assert.matches("answers 429 and asks to wait for 100 s, after 1 try; no time is left", errors)
    local silent <close> = kds_server.start { ["*"] = { { how = "silent" } } }
    code, _, errors = run("fetch", "--product=milan", "--kds", silent.url, "--timeout", "300ms")
    assert.equal(1, code)
    assert.matches("[Tt]ime", errors)
  end)

  it("refuses what is not what was asked for", function()
    local wrong <close> = kds_server.start(kds_server.answers(milan),
      { [kds_server.vcek_path(milan)] = { { body = turin.certificates.vcek } } })
    local code, out, errors = run("fetch", evidence, "--kds", wrong.url)
    assert.same({ 1, "" }, { code, out })
    assert.matches("what came is not the VCEK asked for", errors)
    assert.is_nil(lfs.attributes(objects()))
  end)

  it("gives what it got though its cache cannot be written, and says so", function()
    host.write(("%s/cache%d"):format(folder, caches), "")
    local code, out, errors = run("fetch", "--product=milan", "--kds", server.url)
    assert.equal(0, code)
    assert.matches("ask +server +http://%S+\n", out)
    assert.matches("the ASK of Milan is not kept in the cache: .", errors)
  end)

  it("may run twice at once with one cache", function()
    local command = ("XDG_CACHE_HOME='%s/both' '%s' certs fetch '%s' --kds %s --crl"):format(folder,
      program.kavach, evidence, server.url)
    local code, _, errors = program.shell(command .. " & a=$!; " .. command .. " && wait $a")
    assert.same({ 0, "" }, { code, errors })
    assert.equal(0, (program.shell(command .. " --offline")))
  end)

  it("names the option that is wrong, and exits with 64", function()
    local function usage(pattern, ...)
      local code, out, errors = run(...)
      assert.same({ 64, "" }, { code, out }, errors)
      assert.matches("^kavach: certs: ", errors)
      assert.matches(pattern, errors)
    end
    local id = ("ab"):rep(64)
    usage("give evidence, or %-%-product", "fetch")
    usage("'action'", "get")
    usage("option '%-%-product': unknown product 'rome'", "fetch", "--product=rome")
    usage("%-%-chip%-id and %-%-tcb go together", "fetch", "--product=milan", "--chip-id=" .. id)
    usage("%-%-chip%-id and %-%-tcb go together", "fetch", "--product=milan", "--tcb=0x0")
    usage("option '%-%-chip%-id': ", "fetch", "--product=milan", "--chip-id=xy", "--tcb=0x0")
    usage("option '%-%-chip%-id': .*64 bytes, not 1", "fetch", "--product=milan", "--chip-id=ab",
      "--tcb=0x0")
    usage("option '%-%-chip%-id': .*masked", "fetch", "--product=milan",
      "--chip-id=" .. ("0"):rep(128), "--tcb=0x0")
    usage("option '%-%-tcb': 'tee' is missing", "fetch", "--product=milan", "--chip-id=" .. id,
      "--tcb=bl=1")
    usage("option '%-%-tcb': a TCB of Milan has no 'fmc'", "fetch", "--product=milan",
      "--chip-id=" .. id, "--tcb=fmc=1")
    usage("%-%-vlek%-chain and %-%-chip%-id", "fetch", "--product=milan", "--vlek-chain",
      "--chip-id=" .. id, "--tcb=0x0")
    usage("leave out %-%-chip%-id", "fetch", evidence, "--chip-id=" .. id)
    usage("option '%-%-kds': 'ftp://x' is not", "fetch", "--product=milan", "--kds=ftp://x")
    usage("option '%-%-timeout': 0 is too short", "fetch", "--product=milan", "--timeout=0")
    usage("option '%-%-timeout': 'x'", "fetch", "--product=milan", "--timeout=x")
    usage("unknown option '%-%-ofline' %(did you mean '%-%-offline'%?%)", "fetch", "--ofline")
  end)

  it("names the evidence that is wrong, and exits with 1", function()
    local function bad(pattern, path)
      local code, out, errors = run("fetch", path, "--offline")
      assert.same({ 1, "" }, { code, out })
      assert.matches(pattern, errors)
    end
    bad("/none", folder .. "/none")
    bad("junk: ", host.write(folder .. "/junk", "junk"))
    local masked = assert(milan:report { report_data = ("n"):rep(64), chip_id = ("\0"):rep(64) })
    bad("masked.*owner can supply", host.write(folder .. "/masked", masked.report))
  end)

  it("explains itself", function()
    local code, out = run("--help")
    assert.equal(0, code)
    for _, word in ipairs { "%-%-kds URL", "%-%-offline", "XDG_CACHE_HOME", "429", "http_proxy",
      "Exit codes", "kavach certs fetch report%.bin" } do
      assert.matches(word, out)
    end
    for line in out:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 90, line) end
  end)
end)
