-- altmig migrate FLAGS, and nimadm FLAGS.

local cli = require "altmig.cli"
local options = require "altmig.options"

local command = {
  summary = "migrate a client's rootvg to a new release on an alternate disk",
  usage = [[
usage: altmig migrate -c CLIENT -l LPP_SOURCE -s SPOT -d DISKS -Y [FLAGS]
       nimadm         the same; nimadm -C -c CLIENT -s SPOT cleans up
  -a SCRIPT  script resource to run in phase 4     -z SCRIPT  the same for phase 7
  -P PHASES  only these phases ("1,2,3")           -Y         accept the licences
  -B         leave the bootlist alone              -r         reboot the client at the end
  -e EXCLUDE exclude_files resource, for phase 1   -i IMAGE   image_data resource: sizes of the copy
  -o BOSINST bosinst_data resource for the copy    -m OPTS    options of the NFS mounts on the master
  -D         every command and status to the log   -E         prompt where a serious error happens
  -F         break a lock left on the client       -V, -v     verbose    -q  no output but errors
  --nim FILE      resources (default $ALTMIG_NIM, then /etc/altmig/nim.lua)
  --state DIR     journals and logs (default $ALTMIG_STATE; root: /var/adm/ras/alt_mig)
  --script FILE   your own copy of scripts/migrate.lua     --from N  start at phase N
  --restore-via nfs|stream   how the base system travels; stream: through SSH into the client's own
                  restore, with what NFS does not carry (ACLs, TCB)
  --baseline LPP  what the old level shipped: an lpp_source, directory or nfs:// URL of the client's
                  present level; merges are three-way then (altmig migrate only)
  --dry-run       change nothing: what preflight finds, and a diff of every file the merges would change
  --report FILE   the report at the end, also of a failure; .html, .json or text by its name
  --verify-restore  read the restored files back and compare them with the image (migrate, resume)
  --json          one JSON object a line instead of text   --repl-on-error  prompt where it failed
  --color auto|always|never   (NO_COLOR is honoured)
exit status: 0 done, 1 failed, 2 usage, 3 an inhibitor was found, 4 client locked, 130 interrupted]],
}

--- Shared with nimadm.
---@param args string[]
---@param who string
function command.run_as(args, who)
  local opts, operands = options.parse(args, who)
  local migration = require "altmig.migration"
  if opts.cleanup then
    -- The spelling of AIX 5.2 gives the client as operand: nimadm -C CLIENT -s SPOT
    opts.client = opts.client or operands[1]
    if not opts.client then cli.usage(who .. ": -C needs -c CLIENT") end
    options.check_name(opts.client, who)
    opts.cleanup = nil
    return migration.cleanup(opts)
  end
  if #operands > 0 then cli.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  if opts.dry_run then
    if opts.phases or opts.from then cli.usage(who .. ": --dry-run is for a whole migration: no -P and no --from") end
    return require("altmig.dryrun").run(options.for_check(opts, who))
  end
  return migration.migrate(options.for_migration(opts, who))
end

function command.run(args)
  return command.run_as(args, "altmig migrate")
end

return command
