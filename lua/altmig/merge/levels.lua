-- SPDX-License-Identifier: MIT
-- What a level of AIX changed that the texts of a configuration file do not tell: data for the merges. Another
-- release is another row here, and nothing else.
--
-- Each row names its source: "documented" (a public page of IBM's or of the product's own project), "seen" (a
-- published file or output of such a system), "digest" (release notes at second hand: good for a warning, for nothing
-- more), or "ours".

local levels = {}

-- Names of a list between blanks, as a set.
local function set(text)
  local names = {}
  for name in text:gmatch("%S+") do names[name] = true end
  return names
end

--- "7.3" as a number that can be compared: 703.
---@param release string?
---@return integer?
function levels.number(release)
  local v, r = (release or ""):match("^(%d+)%.(%d+)")
  return v and math.tointeger(tonumber(v)) * 100 + math.tointeger(tonumber(r)) or nil
end

--- Whether a row's change is between these releases; where the old one is not known, whether the new one has it.
---@param row { from: string }
---@param new string?
---@param old string?
---@return boolean
function levels.concerns(row, new, old)
  local from, to, was = levels.number(row.from), levels.number(new), levels.number(old)
  return to ~= nil and to >= from and not (was and was >= from)
end

---------------------------------------------------------------- what was always there

-- Where the old level's file is not known, a record of these that the site does not have was removed by it; any
-- other one is new. source: ours, from systems of 7.1 and 7.2.

--- Identifiers of /etc/inittab.
levels.inittab = set([[init brc powerfail tunables rc fbcheck srcmstr rctcpip rcnfs cron piobe cons qdaemon writesrv
  uprintfd shdaemon l2 l3 l4 l5 l6 l7 l8 l9 logsymp pfcdaemon diagd rcwpars artex aso xmdaily perfstat trustedboot
  naudio2 naudio pmd]])

--- Daemons of /etc/rc.tcpip, by the last part of their paths.
levels.daemons = set([[syslogd lpd portmap inetd named timed xntpd rwhod snmpd dhcpsd dhcpcd dhcprd autoconf6 ndpd-host
  ndpd-router sendmail mrouted pxed binld gated routed dpid2 hostmibd snmpmibd aixmibd muxatmd network_options
  biod rpc.statd rpc.lockd nfsd rpc.mountd nfsrgyd gssd]])

--- Services of /etc/inetd.conf.
levels.services = set([[ftp telnet shell kshell login klogin exec comsat uucp bootps finger systat netstat tftp talk ntalk
  rquotad rexd rstatd rusersd rwalld sprayd pcnfsd echo discard chargen daytime time ttdbserver dtspc cmsd xmquery
  instsrv websm imap2 pop3 rlogin]])

---------------------------------------------------------------- tunables

--- What the tuning commands of a release know, by stanza of /etc/tunables/nextboot; stanzas without a list are not
--- judged. Names that no release lists without -F are in levels.restricted.
---@type { from: string, source: string, names: table<string, table<string, boolean>> }[]
levels.tunables = {
  { from = "7.3", source = "seen", names = {
    no = set([[arpqsize arpt_killc arptab_bsiz arptab_nb bcastping bpf_perf bsd_loglevel cached_routes clean_partial_conns
      delayack delayackports dgd_flush_cached_route dgd_packets_lost dgd_ping_time dgd_retry_time directed_broadcast
      dmxperf fasttimo hstcp icmp6_errmsg_rate icmpaddressmask icmptimestamp ie5_old_multicast_mapping ifsize ifstats32
      igmpv2_deliver init_high_wat ip6_defttl ip6_prefer_src_tmp ip6_prune ip6forwarding ip6srcrouteforward
      ip_id_rfc6864 ip_ifdelete_no_retrans ip_ifdelete_notify ip_nfrag ip_nhops_fix ipforwarding ipfragttl
      ipignoreredirects ipoutqueues ipqmaxlen ipsendredirects ipsrcrouteforward ipsrcrouterecv ipsrcroutesend
      limited_ss llsleep_timeout lo_perf lowthresh main_if6 main_site6 maxnip6q maxttl medthresh mpr_policy multi_homed
      nbc_limit nbc_max_cache nbc_min_cache nbc_ofile_hashsz nbc_pseg nbc_pseg_limit ndd_event_name ndd_event_tracing
      ndogthreads ndp_mmaxtries ndp_umaxtries ndpqsize ndpt_down ndpt_keep ndpt_probe ndpt_reachable ndpt_retrans
      net_buf_size net_buf_type net_malloc_frag_mask netm_page_promote nonlocsrcroute nstrpush passive_dgd
      pmtu_default_age pmtu_expire pmtu_rediscover_interval psebufcalls psecache psetimers rfc1122addrchk rfc1323 rfc2414
      roce_v2_mode route_expire routerevalidate rtentry_lock_complex rto_high rto_length rto_limit rto_low rtpool_size
      sack sb_max send_file_duration site6_index sockthresh sodebug sodebug_env somaxconn soreuseport_lb strctlsz strmsgsz
      strthresh strturncnt subnetsarelocal tcp_bad_port_limit tcp_cubic tcp_cwnd_modified tcp_dss tcp_dss_init_step
      tcp_ecn tcp_ephemeral_high tcp_ephemeral_low tcp_fastlo tcp_fastlo_crosswpar tcp_finwait2 tcp_icmpsecure
      tcp_init_window tcp_inpcb_hashtab_siz tcp_keepcnt tcp_keepidle tcp_keepinit tcp_keepintvl tcp_limited_transmit
      tcp_low_rto tcp_maxburst tcp_maxqueuelen tcp_mssdflt tcp_nagle_limit tcp_nagleoverride tcp_ndebug tcp_newreno
      tcp_nodelayack tcp_pmtu_discover tcp_recvspace tcp_rfc6928 tcp_sendspace tcp_syn_rto tcp_tcpsecure tcp_timewait
      tcp_ttl tcp_use_maxlen tcprexmtthresh tcptr_enable thewall timer_wheel_tick tn_filter udp_bad_port_limit
      udp_ephemeral_high udp_ephemeral_low udp_inpcb_hashtab_siz udp_num_cached_routes udp_pmtu_discover udp_recv_perf
      udp_recvspace udp_send_perf udp_sendspace udp_ttl udpcksum unix_sock_buf use_sndbufpool]]),
    vmo = set([[ame_cpus_per_pool ame_maxfree_mem ame_min_ucpool_size ame_minfree_mem ame_mpsize_support ams_loan_policy aslr
      aslr32 aslr64 enhanced_affinity_affin_time enhanced_affinity_vmpool_limit esid_allocator hugeseg_shm_mode
      ipc_msgmnb kernel_heap_psize lgpg_regions lgpg_size low_ps_handling maxfree maxperm maxpin maxpin% memory_frames
      memplace_data memplace_mapped_file memplace_shm_anonymous memplace_shm_named memplace_stack memplace_text
      memplace_unmapped_file minfree minperm minperm% msem_nlocks nokilluid npsassert npskill npsscrubmax npsscrubmin
      npswarn num_locks_per_semid numpsblks pgz_lpgrow pgz_mode pinnable_frames scrub scrubclean thrpgio_inval
      thrpgio_npages useTrustedSLAs v_pinshm vm_cpu_thresh vm_mmap_bmap vmm_default_pspa vmm_klock_mode
      vmm_stripe_size wlm_memlimit_nonpg]]),
    ioo = set([[aio_active aio_delegateiotodriverkth aio_maxreqs aio_maxservers aio_minservers aio_queue_enhanced_search
      aio_server_inactivity dk_closed_path_recovery dk_lbp_buf_size dk_lbp_enabled dk_lbp_num_bufs j2_atimeUpdateSymlink
      j2_dynamicBufferPreallocation j2_inodeCacheSize j2_maxPageReadAhead j2_maxRandomWrite j2_metadataCacheSize
      j2_minPageReadAhead j2_nPagesPerRBNACluster j2_nPagesPerWriteBehindCluster j2_nRandomCluster j2_recoveryMode
      j2_syncByVFS j2_syncConcurrency j2_syncDelayReport j2_syncPageCount j2_syncPageLimit lvm_bufcnt
      lvm_workQ_enhanced_search maxpgahead maxrandwrt numclust numfsbufs pd_npages posix_aio_active
      posix_aio_delegateiotodriverkth posix_aio_maxreqs posix_aio_maxservers posix_aio_minservers
      posix_aio_queue_enhanced_search posix_aio_server_inactivity spec_accessupdate]]),
    schedo = set([[affinity_lim big_tick_size ded_cpu_donate_thresh fixed_pri_global force_grq hash_instructions maxspin
      pacefork pollexcl_policy proc_disk_stats sched_D sched_R tb_balance_S0 tb_balance_S1 tb_threshold timeslice
      vpm_fold_policy vpm_throughput_core_threshold vpm_throughput_mode vpm_xvcpus]]),
    raso = set([[biostat devnull_lazytime kern_heap_noexec kernel_noexec llu_mode mbuf_heap_noexec mtrc_commonbufsize
      mtrc_enabled mtrc_rarebufsize tprof_cyc_mult tprof_evt_mult tprof_evt_system tprof_inst_threshold]]),
  } },
}

--- Restricted tunables: the commands name them with -F alone, so that their absence from a list says nothing. They
--- are carried as they are. source: ours, from systems of 7.1 and 7.2.
levels.restricted = {
  vmo = set([[ame_sys_memview cpu_scale_memp data_stagger_interval defps enhanced_affinity_attach_limit enhanced_affinity_balance
    enhanced_affinity_private enhanced_memory_affinity framesets htabscale kernel_psize large_page_heap_size lru_file_repage
    lru_poll_interval lrubucket maxclient% maxperm% mbuf_heap_psize memory_affinity multiple_semid_lists munmap_npages
    npsrpgmax npsrpgmin num_sem_lists num_spec_dataseg page_steal_method psm_timeout_interval relalias_percentage rpgclean
    rpgcontrol shm_1tb_shared shm_1tb_unshared soft_min_lgpgs_vmpool spec_dataseg_int strict_maxclient strict_maxperm
    sync_npages vm_modlist_threshold vm_pvlist_dohard vm_pvlist_szpcnt vmm_fork_policy vmm_mpsize_support
    vmm_vmap_policy vtiol_avg_ms vtiol_minreq vtiol_minth vtiol_mode vtiol_pgin_mode vtiol_pgout_mode vtiol_q_cpu_pct
    vtiol_thread_cpu_pct]]),
  ioo = set([[aio_fastpath aio_fsfastpath aio_kprocprio aio_multitidsusp aio_sample_rate aio_samples_per_cycle
    j2_maxUsableMaxTransfer j2_nBufferPerPagerDevice j2_nonFatalCrashesSystem j2_syncModifiedMapped j2_syncdLogSyncInterval
    j2_unmarkComp jfs_clread_enabled jfs_use_read_lock minpgahead pgahd_scale_thresh posix_aio_fastpath
    posix_aio_fsfastpath posix_aio_kprocprio posix_aio_sample_rate posix_aio_samples_per_cycle pv_min_pbuf
    sync_release_ilock]]),
  no = set([[extendednetstats inet_stack_size net_malloc_police pseintrstack use_isno]]),
  schedo = set([[%usDelta allowMCMmigrate fast_locks idle_migration_barrier krlock_confer2self krlock_conferb4alloc krlock_enable
    krlock_spinb4alloc krlock_spinb4confer n_idle_loop_vlopri search_globalrunq_mload search_smtrunq_mload
    setnewrq_sidle_mload shed_primrunq_mload sidle_S1runq_mload sidle_S2runq_mload sidle_S3runq_mload sidle_S4runq_mload
    slock_spinb4confer smt_snooze_delay smtrunq_load_diff unboost_inflih v_exempt_secs v_min_process v_repage_hi
    v_repage_proc v_sec_wait]]),
  raso = set([[recovery_action recovery_average_threshold recovery_debugger recovery_framework]]),
}

--- Defaults that changed: who relied on the old one gets the new one without a word.
---@type { from: string, stanza: string, name: string, was: string, is: string, source: string, text: string, remedy: string }[]
levels.defaults = {
  { from = "7.3", stanza = "ioo", name = "j2_inodeCacheSize", was = "400", is = "200", source = "seen",
    text = "less memory for inodes of JFS2: with little memory and many open files, opening one may fail",
    remedy = "ioo -p -o j2_inodeCacheSize=400" },
  { from = "7.3", stanza = "ioo", name = "j2_metadataCacheSize", was = "400", is = "200", source = "seen",
    text = "less memory for metadata of JFS2", remedy = "ioo -p -o j2_metadataCacheSize=400" },
}

---------------------------------------------------------------- words of configuration files

---@class altmig.levels.Word
---@field from string           # the release whose program does not take it any more
---@field files string[]        # paths
---@field word string           # a pattern of Lua's for the first word, in lower case
---@field value string?         # a pattern for the rest of the line, in lower case
---@field breaks boolean?       # the program does not work with it; else it only ignores the word
---@field text string
---@field source "documented"|"digest"|"ours"

local sshd, ssh = "/etc/ssh/sshd_config", "/etc/ssh/ssh_config"

---@type altmig.levels.Word[]
levels.words = {}

local function words(from, files, source, breaks, text, ...)
  for _, rule in ipairs { ... } do
    local word, value = rule:match("^(%S+)%s*(.*)$")
    levels.words[#levels.words + 1] = { from = from, files = files, word = word, value = value ~= "" and value or nil, breaks = breaks,
      text = text, source = source }
  end
end

-- OpenSSH 9 and its release notes.
words("7.3", { sshd }, "documented", false, "OpenSSH has no protocol 1 since 7.4 and ignores the word", "protocol", "serverkeybits",
  "keyregenerationinterval", "rhostsrsaauthentication", "rsaauthentication")
words("7.3", { ssh }, "documented", false, "OpenSSH has no protocol 1 since 7.6 and ignores the word", "protocol", "cipher",
  "compressionlevel", "rhostsrsaauthentication", "rsaauthentication")
words("7.3", { sshd }, "documented", false, "OpenSSH ignores the word since 7.4 or 7.5", "uselogin", "useprivilegeseparation")
words("7.3", { sshd }, "documented", false, "OpenSSH makes and takes no DSA keys by default since 7.0, and later versions none at all",
  "hostkey .*ssh_host_dsa_key")
words("7.3", { sshd, ssh }, "documented", true,
  "OpenSSH took the ciphers arcfour, blowfish-cbc and cast128-cbc out in 7.6 and refuses a list that names them",
  "ciphers .*arcfour", "ciphers .*blowfish%-cbc", "ciphers .*cast128%-cbc")
words("7.3", { sshd, ssh }, "documented", true, "OpenSSH took hmac-ripemd160 out in 7.6 and refuses a list that names it",
  "macs .*hmac%-ripemd160")

-- The page of ntp.conf for version 4 beside the one of version 3.
local ntp = { "/etc/ntp.conf" }
words("7.3", ntp, "ours", false, "a word of NTP version 3: ntpd4 does not take it", "authenticate",
  "authdelay", "clientlimit", "clientperiod", "precision", "resolver", "maxskew", "select")
words("7.3", ntp, "ours", false, "of NTP version 3: ntpd4 knows 'kernel' and 'ntp' in its place",
  "enable .*%f[%w]pll%f[%W]", "disable .*%f[%w]pll%f[%W]")
words("7.3", ntp, "ours", true,
  "in version 3 'notrust' meant: do not synchronise with it; ntpd4 takes it as: only with a key, and drops the others",
  "restrict .*%f[%w]notrust%f[%W]")

-- OpenSSL 3.
words("7.3", { "/var/ssl/openssl.cnf" }, "documented", true, "IBM's OpenSSL 3 has no engines", "engines", "engine_id",
  "dynamic_path")

--- The lines of a file that a program of the new release does not take any more, or takes otherwise: each with its row.
---@param path string
---@param text string
---@param new string?
---@param old string?
---@return { line: string, row: altmig.levels.Word }[]
function levels.refused(path, text, new, old)
  local rows, list = {}, {}
  for _, row in ipairs(levels.words) do
    for _, file in ipairs(levels.concerns(row, new, old) and row.files or {}) do
      if file == path then rows[#rows + 1] = row end
    end
  end
  if not rows[1] then return list end
  for line in text:gmatch("[^\n]+") do
    local word, rest = line:lower():match("^%s*([^%s#=]+)[%s=]*(.*)$")
    for _, row in ipairs(word and rows or {}) do
      if word:match("^" .. row.word .. "$") and (not row.value or rest:match("^" .. row.value)) then
        list[#list + 1] = { line = line:match("^%s*(.-)%s*$"), row = row }
      end
    end
  end
  return list
end

return levels
