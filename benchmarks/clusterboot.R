# Bootstrap stability of k-means by fpc's clusterboot: processor seconds, then each type's Jaccard.
suppressPackageStartupMessages(library(fpc))
given <- commandArgs(trailingOnly = TRUE)
points <- as.matrix(read.csv(given[1], header = FALSE))
resamples <- as.integer(given[2])
types <- as.integer(given[3])
starts <- as.integer(given[4])
used <- system.time(found <- clusterboot(
  points, B = resamples, bootmethod = "boot", clustermethod = kmeansCBI, k = types,
  runs = starts, seed = 1, count = FALSE
))
cat(used[["user.self"]] + used[["sys.self"]], sort(found$bootmean), "\n")
