# Peers in R. Without arguments: prints one line "method;TRUE or FALSE" for each, whether its
# package is there. With a folder: reads jobs.csv (seed, method) and SEED.csv (complete numbers,
# one row a site), and writes results.csv (seed, method, k, seconds, error, labels).

most <- 6

kmeans_of <- function(x, k) kmeans(x, k, nstart = 10, iter.max = 50)

# The number of types whose least stable one is most stable; claimed where it is stable at .75.
clusterboot_stable <- function(x) {
  tried <- lapply(2:most, function(k) {
    fpc::clusterboot(x, B = 100, bootmethod = "boot", clustermethod = fpc::kmeansCBI,
                     krange = k, runs = 10, count = FALSE)
  })
  least <- sapply(tried, function(fit) min(fit$bootmean))
  best <- which.max(least)
  if (least[best] < 0.75) return(rep(1, nrow(x)))
  tried[[best]]$partition
}

gap_statistic <- function(x) {
  found <- cluster::clusGap(x, kmeans_of_gap, K.max = most, B = 100, verbose = FALSE)
  k <- cluster::maxSE(found$Tab[, "gap"], found$Tab[, "SE.sim"], method = "Tibs2001SEmax")
  if (k == 1) rep(1, nrow(x)) else kmeans_of(x, k)$cluster
}
kmeans_of_gap <- function(x, k) list(cluster = kmeans_of(x, k)$cluster)

mclust_bic <- function(x) {
  # Mclust looks for its own functions on the search path.
  suppressPackageStartupMessages(library(mclust))
  Mclust(x, G = 1:most, verbose = FALSE)$classification
}

# The number with the smallest share of ambiguous pairs (consensus between .1 and .9).
consensus_pac <- function(x) {
  fits <- ConsensusClusterPlus::ConsensusClusterPlus(
    t(x), maxK = most, reps = 500, pItem = 0.8, clusterAlg = "hc", distance = "euclidean",
    innerLinkage = "average", finalLinkage = "average", seed = sample.int(1e6, 1), plot = NULL,
    verbose = FALSE)
  ambiguous <- sapply(2:most, function(k) {
    m <- fits[[k]]$consensusMatrix
    pairs <- m[lower.tri(m)]
    mean(pairs > 0.1 & pairs < 0.9)
  })
  fits[[which.min(ambiguous) + 1]]$consensusClass
}

strength <- function(x) {
  found <- fpc::prediction.strength(x, Gmin = 2, Gmax = most, M = 50, cutoff = 0.8,
                                    clustermethod = fpc::kmeansCBI, runs = 10)
  k <- found$optimalk
  if (k == 1) rep(1, nrow(x)) else kmeans_of(x, k)$cluster
}

methods <- list(
  clusterboot = list(packages = "fpc", run = clusterboot_stable),
  gap = list(packages = "cluster", run = gap_statistic),
  mclust = list(packages = "mclust", run = mclust_bic),
  consensus = list(packages = "ConsensusClusterPlus", run = consensus_pac),
  strength = list(packages = "fpc", run = strength)
)

answer <- function(folder, seed, method) {
  x <- as.matrix(read.csv(file.path(folder, paste0(seed, ".csv"))))
  set.seed(seed)
  begun <- proc.time()
  error <- ""
  labels <- tryCatch(methods[[method]]$run(x), error = function(e) {
    error <<- gsub("[\r\n\"]+", " ", conditionMessage(e))
    rep(1, nrow(x))
  })
  spent <- proc.time() - begun
  data.frame(seed = seed, method = method, k = length(unique(labels)),
             seconds = spent[["user.self"]] + spent[["sys.self"]], error = error,
             labels = paste(labels, collapse = " "))
}

given <- commandArgs(trailingOnly = TRUE)
if (length(given) == 0) {
  for (name in names(methods)) {
    there <- requireNamespace(methods[[name]]$packages, quietly = TRUE)
    cat(name, ";", methods[[name]]$packages, ";", there, "\n", sep = "")
  }
} else {
  pdf(NULL)  # ConsensusClusterPlus draws whether asked to or not
  jobs <- read.csv(file.path(given[1], "jobs.csv"))
  # Loaded before anything is timed.
  for (name in unique(jobs$method)) invisible(loadNamespace(methods[[name]]$packages))
  rows <- Map(function(seed, method) answer(given[1], seed, method), jobs$seed, jobs$method)
  write.csv(do.call(rbind, rows), file.path(given[1], "results.csv"), row.names = FALSE)
}
